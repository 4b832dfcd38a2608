"""A load whose checkpoint lies in a store: the same files as on disk, kill -9 between its segments, two runs, --fresh, status."""
import json
import os
import random
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "fault", "crash"))
import graph  # noqa: E402  (the graph of a crash test, counted by others than heddle)

LIBRARY = os.path.join(HERE, "..", "..", "build", "deps", "duckdb", "libduckdb.so")
KILLS = 4
PLACE = "checkpoints/fleet"  # below the store's folder

# Rows that are created, without a constraint: one that was written twice stands there twice.
JOB = """
version: "1"
config: {{verify: "off"}}
sources:
  - {{name: removals, type: delta, path: "{path}", maxFilesPerTrigger: 2}}
targets:
  nodes:
    - name: event
      source: removals
      write_mode: create
      labels: [RemovalEvent]
      properties:
        - {{source_field: ":ID(RemovalEvent)", target_property: removal_id, target_property_type: integer}}
        - {{source_field: "{number}", target_property: number, target_property_type: {kind}}}
"""


class Checkpoints:
    def __init__(self, check, rows):
        self.check, self.rows, self.folder = check, rows, check.folder
        self.uri = f"{check.store.uri}/{PLACE}"
        self.random = random.Random(7)

    def job(self, kind="string"):
        path = self.folder / "kept.yaml"
        path.write_text(JOB.format(path="table", number="RMV_TRK_NO", kind=kind))
        return str(path)

    def command(self, name, uri, *more):
        return ["run", self.job(), "--to", f"duckdb:{name}.duckdb", "--checkpoint", uri, "--batch-rows", "10", "--writers", "2",
                "-q", *more]

    def counts(self, name):
        duck = graph.Duck(LIBRARY, str(self.folder / f"{name}.duckdb"))
        return duck.numbers([graph.COUNTS_DUCKDB["events"], graph.COUNTS_DUCKDB["distinct events"]])

    def kept(self, *below):
        prefix = "/".join(("some folder", PLACE, *below)) + "/"
        return sorted(name[len(prefix):] for name in self.check.store.names(prefix))

    def last_line(self, name):
        return self.check.store.get(f"some folder/{PLACE}/{name}").decode().splitlines()[-1]

    def same_files(self):
        """What Spark's files say in the store is what they say on disk; nothing twice; rejects and receipt lie beside them."""
        self.check.run(*self.command("kept-here", "kept-here"))
        self.check.run(*self.command("kept-there", self.uri))
        local = self.folder / "kept-here"
        for log in ("offsets", "commits"):
            here = sorted(path.name for path in (local / log).iterdir())
            assert self.kept(log) == here and len(here) > 1, (log, self.kept(log), here)
            for name in here:
                there = self.last_line(f"{log}/{name}")
                assert there == (local / log / name).read_text().splitlines()[-1], (log, name, there)
        assert self.counts("kept-there") == [self.rows, self.rows], self.counts("kept-there")
        again = self.check.run(*[word for word in self.command("kept-there", self.uri + "/") if word != "-q"])
        assert "nothing new" in again.stdout + again.stderr, again.stdout
        names = self.kept()
        assert "metadata" in names and "receipt.json" in names and "load.json" in names, names
        assert len(self.kept("journal")) == 1 and len(self.kept("turns")) == 1, names
        said = self.check.run("status", self.uri).stdout
        assert self.uri in said and "micro-batches committed" in said and "running" not in said, said
        assert json.loads(self.check.run("status", self.uri, "--json").stdout)["streams"][0]["micro_batches"] > 1
        print("a checkpoint in the store: the files that it has on disk, and nothing twice")

    def fresh(self):
        """--fresh removes what runs keep, and nothing else."""
        self.check.store.put(f"some folder/{PLACE}/mine.txt", b"mine")
        self.check.run(*self.command("kept-anew", self.uri, "--fresh", "--yes"))
        assert "mine.txt" in self.kept() and self.counts("kept-anew") == [self.rows, self.rows]
        print("--fresh: begun anew, and what is not heddle's stays")

    def start(self, name, *more):
        env = {**os.environ, **self.check.store.env, "no_proxy": "127.0.0.1", "XDG_CACHE_HOME": str(self.folder / "xdg")}
        with open(self.folder / "said", "wb") as said:
            return subprocess.Popen([self.check.heddle, *self.command(name, self.uri, *more)], env=env, cwd=self.folder,
                                    stdout=said, stderr=said)

    def said(self):
        return (self.folder / "said").read_text(errors="replace")

    def two_runs(self):
        """A second run is refused while the first one lives, and goes on at once when it was killed."""
        first = self.start("kept-two", "--fresh", "--yes", "--trigger", "processingTime=1 second")
        try:
            for _ in range(120):  # what an earlier load left is there until --fresh has deleted it
                if f"process {first.pid}" in self.check.run("status", self.uri, code=None).stdout and self.kept("commits"):
                    break
                time.sleep(0.5)
            assert first.poll() is None, self.said()
            refused = self.check.run(*self.command("kept-second", self.uri), code=5)
            assert "in use by another run" in refused.stderr and str(first.pid) in refused.stderr, refused.stderr
            said = self.check.run("status", self.uri).stdout
            assert f"process {first.pid}" in said, said
        finally:
            first.kill()
            first.wait()
        begin = time.monotonic()
        self.check.run(*self.command("kept-two", self.uri))
        assert self.counts("kept-two") == [self.rows, self.rows], self.counts("kept-two")
        print(f"two runs: the second is refused; after a kill it goes on ({time.monotonic() - begin:.1f} s)")

    def kills(self):
        """kill -9 between the segments of a load that creates: every row is there once."""
        inside = 0
        for i in range(KILLS):
            run = self.start("kept-killed", *(["--fresh", "--yes"] if i == 0 else []))
            wanted, before, made = self.random.randint(4, 16), set(self.kept("journal")), set()
            while run.poll() is None and len(made) < wanted:
                made |= set(self.kept("journal")) - before
            if run.poll() is not None:
                assert run.returncode == 0, self.said()
                break
            run.kill()
            run.wait()
            written = self.counts("kept-killed")[0] or 0
            inside += 0 < written < self.rows
            print(f"kill {i + 1}: {len(made)} new segments in the store, {written} of {self.rows} rows in the graph")
        assert inside > 0, "no kill fell between the first and the last commit"
        self.check.run(*self.command("kept-killed", self.uri))
        assert self.counts("kept-killed") == [self.rows, self.rows], self.counts("kept-killed")
        assert len(self.kept("journal")) == 1, self.kept("journal")
        print(f"{inside} kills between the first and the last commit: {self.rows} = {self.rows}, 0 lost, 0 doubled")

    def rejects(self):
        """Rows that are refused are told in the checkpoint, and another machine goes on with them."""
        kept = self.command("kept-bad", self.uri, "--fresh", "--yes", "--reject-limit", "none")
        (self.folder / "kept.yaml").write_text(JOB.format(path="table", number="RMV_REA_TX", kind="integer"))
        done = subprocess.run([self.check.heddle, *kept], capture_output=True, text=True, cwd=self.folder, check=False,
                              env={**os.environ, **self.check.store.env, "no_proxy": "127.0.0.1"})
        assert done.returncode == 8, (done.returncode, done.stderr)
        lines = self.check.store.get(f"some folder/{PLACE}/rejects/event.jsonl").decode().splitlines()
        assert lines and all(json.loads(line)["target"] == "event" for line in lines)
        said = self.check.run("status", self.uri).stdout
        assert f"{len(lines):,} rows of event" in said, said
        print(f"{len(lines)} rejects lie beside the checkpoint")

    def all(self):
        self.same_files()
        self.fresh()
        self.two_runs()
        self.kills()
        self.rejects()
