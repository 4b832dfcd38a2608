# heddle in a container: a build stage from source, and a small image with the command, the library and the weights.
# See docs/containers.md. Build:  docker build -t heddle .
FROM debian:12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# First what changes rarely, so that its layers are reused.
COPY scripts scripts
RUN YES=1 scripts/bootstrap --for run
COPY . .
RUN cmake --preset release -DHEDDLE_TESTS=OFF \
    && cmake --build build/release \
    && cmake --install build/release --prefix /usr/local

FROM debian:12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libssl3 libcurl4 libjansson4 libyaml-0-2 libmicrohttpd12 \
        libsqlite3-0 libutf8proc2 zlib1g libstdc++6 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 heddle
COPY --from=build /usr/local /usr/local
RUN ldconfig
USER heddle
WORKDIR /data
ENTRYPOINT ["heddle"]
CMD ["help"]
