#!/usr/bin/env python3
"""Tables in object stores, read by the command from independent emulators on loopback, equal to the same tables on disk.

    test_stores.py HEDDLE s3|azure|google|signatures

The last compares the signatures of real requests with those that botocore computes for the same requests.

The emulators come from scripts/bootstrap --for stores (build/deps/stores). Exit code 77: this one is not there.
"""
import datetime
import http.server
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import checkpoints

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPS = ROOT / "build" / "deps" / "stores"
PYTHON = DEPS / "venv" / "bin" / "python"
SKIPPED = 77
ROWS = 600
OTHERS = 1100  # names that are no tables: more than one page of any store

JOB = """
version: "1"
sources:
  - {{name: removals, type: delta, path: "{path}"}}
targets:
  nodes:
    - name: removal
      source: removals
      write_mode: merge
      labels: [Removal]
      properties:
        - {{source_field: ":ID(RemovalEvent)", target_property: id, target_property_type: integer}}
      schema:
        unique_constraints:
          - {{name: removal_id, label: Removal, properties: [id]}}
"""


def skip(reason):
    print(f"skipped: {reason}; scripts/bootstrap --for stores brings it")
    sys.exit(SKIPPED)


if not PYTHON.exists():
    skip("build/deps/stores holds no Python with moto and the stores' own clients")
if pathlib.Path(sys.prefix).resolve() != (DEPS / "venv").resolve():
    os.execv(PYTHON, [str(PYTHON), *sys.argv])


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Emulator:
    """One emulator as a process, ended by its id."""

    def __init__(self, command, port, folder):
        self.log = open(folder / "emulator.log", "wb")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, cwd=folder)
        for _ in range(600):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        self.end()
        sys.exit("the emulator does not start:\n" + (folder / "emulator.log").read_text(errors="replace"))

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()


class S3:
    uri = "s3://tables/some folder"
    secret = "a-secret-of-s3"

    def __init__(self, folder):
        import boto3
        port = free_port()
        self.emulator = Emulator([PYTHON, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port, folder)
        self.env = {"AWS_ACCESS_KEY_ID": "an-id", "AWS_SECRET_ACCESS_KEY": self.secret, "AWS_REGION": "eu-west-3",
                    "AWS_SESSION_TOKEN": "a-session-token", "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
        self.client = boto3.client("s3", endpoint_url=self.env["AWS_ENDPOINT_URL"], region_name="eu-west-3",
                                   aws_access_key_id="an-id", aws_secret_access_key=self.secret)
        self.client.create_bucket(Bucket="tables", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})

    def put(self, key, body):
        self.client.put_object(Bucket="tables", Key=key, Body=body)

    def names(self, prefix):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket="tables", Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def get(self, key):
        return self.client.get_object(Bucket="tables", Key=key)["Body"].read()


class Azure:
    uri = "abfss://tables@devstoreaccount1.dfs.core.windows.net/some folder"

    def __init__(self, folder):
        from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas
        azurite = DEPS / "azurite" / "node_modules" / ".bin" / "azurite-blob"
        if not azurite.exists():
            skip("Azurite is not there")
        port = free_port()
        # The account and key that every Azurite has.
        key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
        self.emulator = Emulator([azurite, "--silent", "--skipApiVersionCheck", "--inMemoryPersistence", "--blobHost",
                                  "127.0.0.1", "--blobPort", str(port)], port, folder)
        endpoint = f"http://127.0.0.1:{port}/devstoreaccount1"
        client = BlobServiceClient(endpoint, credential=key)
        self.container = client.create_container("tables")
        sas = generate_container_sas("devstoreaccount1", "tables", account_key=key,
                                     permission=ContainerSasPermissions(read=True, list=True, create=True, write=True,
                                                                        delete=True),
                                     expiry=datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1))
        self.secret = dict(urllib.parse.parse_qsl(sas))["sig"]
        self.env = {"AZURE_STORAGE_SAS_TOKEN": sas, "AZURE_STORAGE_ENDPOINT": endpoint}

    def put(self, key, body):
        self.container.upload_blob(key, body, overwrite=True)

    def names(self, prefix):
        return list(self.container.list_blob_names(name_starts_with=prefix))

    def get(self, key):
        return self.container.download_blob(key).readall()


class Google:
    uri = "gs://tables/some folder"
    secret = "a-token-of-google"

    def __init__(self, folder):
        server = DEPS / "bin" / "fake-gcs-server"
        if not server.exists():
            skip("fake-gcs-server is not there")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.emulator = Emulator([server, "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory",
                                  "-public-host", f"127.0.0.1:{port}"], port, folder)
        self.env = {"STORAGE_EMULATOR_HOST": self.url, "GOOGLE_OAUTH_ACCESS_TOKEN": self.secret}
        self.ask("/storage/v1/b?project=test", json.dumps({"name": "tables"}).encode(), "application/json")

    def names(self, prefix):
        with urllib.request.urlopen(f"{self.url}/storage/v1/b/tables/o?prefix={urllib.parse.quote(prefix, safe='')}") as answer:
            return [item["name"] for item in json.load(answer).get("items", [])]

    def get(self, key):
        with urllib.request.urlopen(f"{self.url}/storage/v1/b/tables/o/{urllib.parse.quote(key, safe='')}?alt=media") as answer:
            return answer.read()

    def ask(self, path, body, kind):
        request = urllib.request.Request(self.url + path, body, {"Content-Type": kind}, method="POST")
        with urllib.request.urlopen(request) as answer:
            answer.read()

    def put(self, key, body):
        self.ask("/upload/storage/v1/b/tables/o?uploadType=media&name=" + urllib.parse.quote(key, safe=""), body,
                 "application/octet-stream")


class Check:
    def __init__(self, heddle, store, folder):
        self.heddle, self.store, self.folder = heddle, store, folder
        self.cache = folder / "cache"

    def run(self, *arguments, code=0):
        env = {**os.environ, **self.store.env, "no_proxy": "127.0.0.1", "XDG_CACHE_HOME": str(self.folder / "xdg")}
        done = subprocess.run([self.heddle, *arguments], env=env, capture_output=True, text=True, cwd=self.folder)
        assert code is None or done.returncode == code, f"{arguments}: {done.returncode}\n{done.stderr}"
        said = done.stdout + done.stderr
        for secret in self.store.env.values():
            assert secret.startswith("http") or len(secret) < 12 or secret not in said, "a secret is told"
        assert self.store.secret not in said, "a secret is told"
        return done

    def upload(self, folder, prefix):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.store.put(f"some folder/{prefix}/{path.relative_to(folder)}", path.read_bytes())

    def equal(self, uri, local, *more):
        there = self.run("cat", uri, "--source-cache", str(self.cache), *more).stdout
        here = self.run("cat", local, *more).stdout
        assert there == here and here.count("\n") > 1, f"{uri}: {there.count(chr(10))} rows, not {here.count(chr(10))}"

    def delta(self):
        """A Delta table, its older versions, and what `source info` says are those of the same table on disk."""
        self.run("generate", "removals", "--rows", str(ROWS), "--format", "delta", "--commits", "4", "-o", "table", "-q")
        self.upload(self.folder / "table", "table")
        uri = self.store.uri + "/table"
        self.equal(uri, "table")
        self.equal(uri + "/", "table", "--version", "1", "--columns", "RMV_TRK_NO,removal_date")
        there, here = (json.loads(self.run("source", "info", at, "--json").stdout) for at in (uri, "table"))
        assert there.pop("source") == uri and here.pop("source") == "table" and there == here, (there, here)
        print("a Delta table: equal")

    def nothing_twice(self):
        """What is in the cache is not fetched again, and a smaller bound throws it out."""
        files = {path: path.stat().st_ino for path in self.cache.rglob("*") if path.is_file()}
        assert files
        self.equal(self.store.uri + "/table", "table")
        assert files == {path: path.stat().st_ino for path in self.cache.rglob("*") if path.is_file()}
        bound = 1 << 20
        for i in range(3):
            (self.cache / f"old-{i}").write_bytes(bytes(bound // 2))
            os.utime(self.cache / f"old-{i}", (i, i))
        shutil.rmtree(next(path for path in self.cache.iterdir() if path.is_dir()))
        self.equal(self.store.uri + "/table", "table", "--source-cache-bytes", str(bound))
        size = sum(path.stat().st_size for path in self.cache.rglob("*") if path.is_file())
        assert size <= bound and not (self.cache / "old-0").exists(), size
        print("the cache: nothing twice, and within its bound")

    def files(self):
        """A folder of files behind thousands of other names, one file, a pattern; and a file that was written anew."""
        self.run("generate", "removals", "--rows", "50", "-o", "one.csv", "-q")
        self.run("generate", "removals", "--rows", "70", "--seed", "5", "-o", "two.parquet", "-q")
        (self.folder / "csv").mkdir()
        shutil.copy(self.folder / "one.csv", self.folder / "csv" / "z é+%.csv")
        shutil.copy(self.folder / "one.csv", self.folder / "csv" / "zz.csv")
        for i in range(OTHERS):
            self.store.put(f"some folder/csv/a{i:05}.dat", b"-")
        self.upload(self.folder / "csv", "csv")
        self.store.put("some folder/two.parquet", (self.folder / "two.parquet").read_bytes())
        self.equal(self.store.uri + "/csv", "csv")
        self.equal(self.store.uri + "/csv/zz*.csv", "csv/zz.csv")
        self.equal(self.store.uri + "/csv/z é+%.csv", "csv/zz.csv")
        self.equal(self.store.uri + "/two.parquet", "two.parquet")
        changed = (self.folder / "one.csv").read_bytes().replace(b"1", b"2")
        (self.folder / "changed.csv").write_bytes(changed)
        self.store.put("some folder/csv/zz.csv", changed)
        self.equal(self.store.uri + "/csv/zz.csv", "changed.csv")
        print(f"files behind {OTHERS} other names, one file, a pattern, a file that changed: equal")

    def stream(self):
        """A load from the store writes the offsets of a load from disk, and a second run loads only what was added."""
        for name, path in (("there", self.store.uri + "/table"), ("here", "table")):
            (self.folder / f"{name}.yaml").write_text(JOB.format(path=path))
            self.run("run", f"{name}.yaml", "--to", f"duckdb:{name}.duckdb", "--checkpoint", name, "-q")
        for file in ("offsets/0", "commits/0"):
            there, here = ((self.folder / name / file).read_text().splitlines()[-1] for name in ("there", "here"))
            assert there == here, (there, here)
        again = self.run("run", "there.yaml", "--to", "duckdb:there.duckdb", "--checkpoint", "there")
        assert "nothing new" in again.stdout + again.stderr, again.stdout
        print("a stream: the same offsets as from disk, and nothing twice")

    def commands(self):
        """What init writes, what plan tells and what embed makes of a table in the store is what they make of it on disk."""
        uri = self.store.uri + "/table"
        there, here = (self.run("init", at, "--source-cache", str(self.cache)).stdout for at in (uri, "table"))
        assert there.replace(uri, "table") == here and uri in there, (there, here)
        for name, path in (("planned-there", uri), ("planned-here", "table")):
            (self.folder / f"{name}.yaml").write_text(JOB.format(path=path))
        there, here = (json.loads(self.run("plan", f"{name}.yaml", "--json").stdout)
                       for name in ("planned-there", "planned-here"))
        # Keys are counted about, and how is seeded by the job's text.
        told = ("name", "rows", "rejected", "bytes", "road")
        there, here = ([[target[name] for name in told] for target in plan["targets"]] for plan in (there, here))
        assert there == here and here[0][1] == ROWS, (there, here)
        made = {}
        for name, at in (("there", uri), ("here", "table")):
            self.run("embed", at, f"{name}.jsonl", "--limit", "20", "--column", "RMV_REA_TX", "-q", code=None)
            made[name] = (self.folder / f"{name}.jsonl").read_text() if (self.folder / f"{name}.jsonl").exists() else None
        assert made["there"] == made["here"], "other vectors"
        print("init, plan and embed: as from disk" + ("" if made["here"] else " (embed not: there is no model)"))

    def refusals(self):
        """Nothing there, another store in the log, a file of this machine in the log: refused with the reason."""
        gone = self.run("cat", self.store.uri + "/gone", "--type", "delta", code=3)
        assert "_delta_log" in gone.stderr, gone.stderr
        log = self.folder / "table" / "_delta_log"
        last = sorted(log.glob("*.json"))[-1]
        add = next(json.loads(line) for line in last.read_text().splitlines() if line.startswith('{"add"'))
        for name, path in (("elsewhere", self.store.uri.replace("tables", "secrets") + "/table/x.parquet"),
                           ("local", "file:///etc/passwd"), ("up", "../table/x.parquet")):
            self.upload(self.folder / "table", name)
            add["add"]["path"] = urllib.parse.quote(path, safe=":/@")
            self.store.put(f"some folder/{name}/_delta_log/{int(last.stem) + 1:020}.json", json.dumps(add).encode())
            refused = self.run("cat", f"{self.store.uri}/{name}", code=3)
            assert "outside the table's folder" in refused.stderr, refused.stderr
        print("a log that leaves the table: refused")


def catalog(check):
    """A name of Unity Catalog, told by a workspace of ours: read from where it says, with the keys that it hands out."""
    keys = check.store.env
    answers = {"/api/2.1/unity-catalog/tables/main.fleet.removals": {
        "table_id": "an-id", "data_source_format": "DELTA", "storage_location": check.store.uri + "/table"},
        "/api/2.1/unity-catalog/temporary-table-credentials": {"aws_temp_credentials": {
            "access_key_id": keys.pop("AWS_ACCESS_KEY_ID"), "secret_access_key": keys.pop("AWS_SECRET_ACCESS_KEY"),
            "session_token": keys.pop("AWS_SESSION_TOKEN")}}}
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self):
            asked.append((self.command, self.path, self.headers["authorization"]))
            body = json.dumps(answers[self.path]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            self.answer()

        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.answer()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    keys.update(DATABRICKS_HOST=f"http://127.0.0.1:{server.server_port}", DATABRICKS_TOKEN="a-token-of-the-workspace")
    check.equal("main.fleet.removals", "table")
    info = json.loads(check.run("source", "info", "main.fleet.removals", "--json").stdout)
    server.shutdown()
    assert info["type"] == "delta" and info["rows"] == ROWS, info
    assert asked and all(token == "Bearer a-token-of-the-workspace" for _, _, token in asked), asked
    print("a table of Unity Catalog: equal")


def signatures(heddle):
    """A server that knows the secret signs each request anew with botocore, and answers only what was signed alike."""
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials
    keys = botocore.credentials.Credentials("an-id", "a-secret/of+s3", "a-session-token")
    wrong, asked = [], []
    names = ["plain.csv", "a b+c%é&=.csv", "~_-.'()!*.csv"]

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            given = self.headers["authorization"]
            signed = given.split("SignedHeaders=")[1].split(",")[0].split(";")
            request = botocore.awsrequest.AWSRequest(
                self.command, f"http://{self.headers['host']}{self.path}",
                {name: self.headers[name] for name in signed})
            request.context["timestamp"] = self.headers["x-amz-date"]
            request.context["payload_signing_enabled"] = True
            auth = botocore.auth.S3SigV4Auth(keys, "s3", "eu-west-3")
            ours = given.split("Signature=")[1]
            theirs = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
            asked.append(self.path)
            if ours != theirs or "x-amz-security-token" not in signed or "host" not in signed:
                wrong.append(self.path)
            items = "".join(f"<Contents><Key>{urllib.parse.quote('t/' + name)}</Key><Size>4</Size><ETag>x</ETag>"
                            "<LastModified>2025-01-02T03:04:05.000Z</LastModified></Contents>" for name in names)
            body = f"<ListBucketResult>{items}</ListBucketResult>" if "list-type" in self.path else "a\n1\n"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "AWS_ACCESS_KEY_ID": "an-id", "AWS_SECRET_ACCESS_KEY": "a-secret/of+s3", "no_proxy": "127.0.0.1",
               "AWS_SESSION_TOKEN": "a-session-token", "AWS_REGION": "eu-west-3", "XDG_CACHE_HOME": folder,
               "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"}
        done = subprocess.run([heddle, "cat", "s3://bucket/t", "--type", "csv"], env=env, capture_output=True, text=True, check=False)
    server.shutdown()
    assert done.returncode == 0 and done.stdout.count("\n") == len(names), done.stderr
    assert not wrong, wrong
    assert len(asked) > len(names), asked
    print(f"{len(asked)} requests are signed as botocore signs them")


def main():
    heddle, kind = os.path.abspath(sys.argv[1]), sys.argv[2]
    if kind == "signatures":
        signatures(heddle)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        store = {"s3": S3, "azure": Azure, "google": Google}[kind](folder)
        try:
            check = Check(heddle, store, folder)
            if subprocess.run([heddle, "generate", "removals", "--rows", "1", "-o", folder / "x.parquet"],
                              capture_output=True, check=False).returncode != 0:
                skip("libduckdb is not there")
            check.delta()
            check.nothing_twice()
            check.files()
            check.stream()
            check.commands()
            check.refusals()
            checkpoints.Checkpoints(check, ROWS).all()
            if kind == "s3":
                catalog(check)
        finally:
            store.emulator.end()


main()
