# The front door. CMake does the building (see CMakePresets.json); scripts/ does the rest.
PREFIX ?= /usr/local
TARGET ?= neo4j
DESTDIR ?=

.PHONY: all build demo demo-stop test test-spark bench race install clean help

all: build

build:
	@scripts/bootstrap --for build
	@[ -f build/release/build.ninja ] || cmake --preset release
	@cmake --build build/release

demo:
	@scripts/demo $(TARGET)

demo-stop:
	@scripts/neo4j stop --name demo

# A load that creates, killed five times, and the count at the end.
demo-crash:
	@scripts/demo-crash $(TARGET)

test:
	@scripts/test

# KILLS kills of loads that create, at every step; `make test` does a few.
KILLS ?= 200
crash: build
	@tests/fault/crash/run $(KILLS)

# Against real Spark with Delta, which is fetched after asking.
test-spark:
	@scripts/test-spark

# Each file of bench/ is one comparison; BENCH="main-job --quick" runs a single one.
bench: build
	@scripts/bench $(BENCH)

race: build
	@bench/race

install: build
	@scripts/bootstrap --for run
	@DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)"

# Everything that was built; what was fetched (build/deps) and the data of servers (build/neo4j) stay.
clean:
	@rm -rf build/release build/dev build/tsan build/coverage build/fuzz build/demo

help:
	@echo "make                      build the release: build/release/bin/heddle"
	@echo "make demo                 fetch, build, start a Neo4j server on this machine, load, embed, search"
	@echo "make demo TARGET=duckdb   the same into one file, without a server"
	@echo "make demo-stop            stop the demo's server (scripts/neo4j remove deletes its data)"
	@echo "make demo-crash           kill a load that creates five times with kill -9, and count (TARGET=duckdb: into a file)"
	@echo "make test                 build and run every test"
	@echo "make test-spark           what heddle writes, read by real Spark with Delta, and the other way round"
	@echo "make crash KILLS=200      kill -9 at every step of loads that create, on a server or into a file"
	@echo "make bench                compare with the peers; BENCH='NAME --quick' for one"
	@echo "make race                 heddle against the plain way, side by side"
	@echo "make install PREFIX=DIR   command, library, headers, pkg-config and CMake packages (DESTDIR is honoured)"
	@echo "make clean                delete what was built"
