#!/usr/bin/env python3
"""kill -9 at every step of a load that creates, and everything is there exactly once.

    test_crash.py HEDDLE CRASH_POINT_MODULE duckdb:LIBRARY|ENV_FILE [--kills N] [--seed S] [--rows R] [unittest arguments]

A load of nodes with vectors, relationships of nodes of their own and relationships in tiles, by four writers, is killed again and
again: at exact steps of its work on disk and wire (tests/support/modules/crash_point.c) and at moments of chance. Each kill is
logged with what the journal had noted and what the graph held then. At the end the graph is counted by others than heddle.
Skipped with 77 where there is no server or no library.
"""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import graph as graphs
import journal as journals

HERE = os.path.dirname(os.path.abspath(__file__))
KILLED = -signal.SIGKILL
# Step: the highest N that a run of a few hundred transactions comes to for certain.
POINTS_DISK = {"journal.write": 12, "journal.torn": 12, "journal.written": 12, "journal.flushed": 12, "journal.removed": 2,
               "offsets.named": 2, "offsets.there": 2, "progress.named": 3, "progress.there": 3, "commits.named": 2,
               "commits.there": 2, "totals.named": 2, "totals.there": 2, "vectors.torn": 3}
POINTS_WIRE = {"wire.sent": 30, "wire.answered": 30}
POINTS_FILE = {"file.write": 40}
EMBED_THREADS, SHARE_TEXTS = 2, 32
# Targets that create, and what the graph's own counts call what they made; of a file, whose marks hold the sums of each
# transaction, those that merge are known as exactly.
CREATED = {"event": "events", "removal": "removals", "removed_from": "removed_from", "lost": "lost"}
MERGED = {"aircraft": "aircraft", "component": "components"}
settings = {}


class Load(unittest.TestCase):
    """A load that is started, killed and counted."""

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        heddle = settings["heddle"]
        target = settings["target"]
        if target.startswith("duckdb:"):
            self.graph = graphs.Duck(target[7:], os.path.join(self.folder, "graph.duckdb"))
            self.points = {**POINTS_DISK, **POINTS_FILE}
        else:
            self.graph = graphs.Neo4j(heddle, target, self.folder)
            self.points = {**POINTS_DISK, **POINTS_WIRE}
        self.random = random.Random(settings["seed"])
        self.kills = []
        self.loads = 0
        self.make_job(settings["rows"])

    def tearDown(self):
        self.graph.clear()
        shutil.rmtree(self.folder)

    def make_job(self, rows, *generate, limits=None):
        """A Delta table of four commits, each a micro-batch of its own, in parts; or with other limits."""
        self.rows = rows
        limits = limits or f"maxFilesPerTrigger: 3, maxRowsPerBatch: {rows // 6}"
        shutil.rmtree(os.path.join(self.folder, "rows"), ignore_errors=True)
        subprocess.run([settings["heddle"], "generate", "removals", "--rows", str(rows), "--seed", "5", "--format", "delta",
                        "--commits", "4", "-o", "rows", "-q", *generate], check=True, cwd=self.folder, stdout=subprocess.DEVNULL)
        with open(os.path.join(HERE, "job.yaml"), encoding="utf-8") as file:
            text = file.read().replace("type: parquet, path: ROWS.parquet",
                                       f"type: delta, path: rows, {limits}")
        with open(os.path.join(self.folder, "job.yaml"), "w", encoding="utf-8") as file:
            file.write(text)

    def start_load(self):
        self.graph.clear()
        shutil.rmtree(os.path.join(self.folder, "checkpoint"), ignore_errors=True)
        self.loads += 1

    def command(self, *more):
        return [settings["heddle"], "run", "job.yaml", *self.graph.arguments, "--checkpoint", "checkpoint", "--writers", "4",
                "--batch-rows", "20", "--embed-threads", str(EMBED_THREADS), "--json", *more]

    def environment(self, **more):
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("NEO4J_", "HEDDLE_")) or name == "HEDDLE_MODEL_PATH"}
        return {**kept, "CI": "true", **more}

    def run_once(self, *more, point=None, after_s=None, full=None):
        """One run of the load. Answers its exit code, KILLED where it was killed, and what it said."""
        environment = self.environment()
        if point or full:
            environment["LD_PRELOAD"] = settings["module"]
            environment["HEDDLE_CRASH" if point else "HEDDLE_DISK_FULL"] = point or full
        child = subprocess.Popen(self.command(*more), cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            out, said = child.communicate(timeout=after_s if after_s is not None else 120)
        except subprocess.TimeoutExpired:
            child.kill()
            out, said = child.communicate()
            if after_s is None:
                self.fail(f"a run did not end in two minutes: {said}")
        return child.returncode, out, said

    def note_kill(self, how):
        written = self.graph.written()
        noted = journals.read(os.path.join(self.folder, "checkpoint", "journal"))
        inside = 0 < written < 3 * self.rows
        words = (f"micro-batch {noted['batch']}{' done' if noted['done'] else ''}, {noted['sent']} sent, "
                 f"{len(noted['open'])} without outcome{', torn' if noted['torn'] else ''}") if noted else "no journal"
        self.kills.append((how.split(":")[0], inside))
        print(f"kill {len(self.kills):3} in load {self.loads:2} at {how:18} {words}; {written:,} of {3 * self.rows:,} rows in the "
              f"graph: {'between the first and the last commit' if inside else 'outside'}", flush=True)

    def check_graph(self, texts):
        counts = self.graph.counts()
        for name in ("events", "distinct events", "removals", "removed_from", "distinct removed_from", "lost", "distinct lost"):
            self.assertEqual(counts[name], self.rows, f"{name}: {counts}")
        self.assertEqual(counts["vectors"], texts, counts)
        marks = self.graph.marks()
        if marks is not None:
            self.assertEqual(marks, set(), "marks of finished micro-batches stay behind")

    def check_totals(self, receipt):
        """What the receipt says of the whole load, over all the runs that were killed, is what the table and the graph hold."""
        counts = self.graph.counts()
        load = receipt["load"]
        self.assertEqual((load["first"], load["rows_read"], load["rows_unreadable"]), (0, self.rows, 0), load)
        targets = {target["target"]: target for target in load["targets"]}
        for name, target in targets.items():
            self.assertEqual(target["read"], self.rows, name)
            self.assertEqual(target["read"], sum(target[part] for part in ("created", "matched", "folded", "rejected")), target)
        exact = {**CREATED, **MERGED} if settings["target"].startswith("duckdb:") else CREATED
        for name, there in exact.items():
            self.assertEqual(targets[name]["created"], counts[there], targets[name])
        self.assertEqual(targets["event"]["vectors"], counts["vectors"])
        done = subprocess.run([settings["heddle"], "status", "checkpoint", "--json"], cwd=self.folder, capture_output=True,
                              text=True, check=True)
        self.assertEqual(json.loads(done.stdout)["load"], load)

    def texts(self):
        """Rows that have a text, as heddle cat reads them."""
        done = subprocess.run([settings["heddle"], "cat", "rows", "--columns", "RMV_REA_TX"], cwd=self.folder,
                              capture_output=True, text=True, check=True)
        return sum(1 for line in done.stdout.splitlines() if (json.loads(line)["RMV_REA_TX"] or "").strip())

    def finish(self, *more):
        """Goes on until the load is done; answers the receipt."""
        for _ in range(3):
            code, out, said = self.run_once(*more)
            if code == 0:
                return json.loads(out)
        self.fail(f"exit {code}: {said}")
        return None

    def kill_load(self, budget, next_kill, *more):
        """One load, killed until it is done or the budget is used up, then finished and counted."""
        self.start_load()
        used = 0
        receipt = None
        while used < budget:
            point, after_s = next_kill()
            code, out, said = self.run_once(*more, point=point, after_s=after_s)
            if code == KILLED:
                used += 1
                self.note_kill(point or f"{after_s:.2f} s")
            elif code == 0:
                receipt = json.loads(out)
                break
            else:
                self.fail(f"exit {code} at {point or after_s}: {said}")
        receipt = receipt or self.finish(*more)
        self.check_graph(self.texts_expected)
        self.check_totals(receipt)
        return used, receipt

    def kill_many(self, kills, a_load, next_kill, *more):
        self.texts_expected = self.texts()
        again = []
        while len(self.kills) < kills:
            used, receipt = self.kill_load(min(a_load, kills - len(self.kills)), next_kill, *more)
            again.append((used, receipt["embedding"]["texts_again"]))
        return again


class Crash(Load):
    def test_killed_at_every_step_every_row_is_there_once(self):
        steps = list(self.points)
        turn = iter(lambda: None, 0)

        def next_kill():
            nonlocal turn
            step = next(turn, None)
            if step is None:
                self.random.shuffle(steps)
                turn = iter(steps)
                step = next(turn)
            return f"{step}:{self.random.randint(1, self.points[step])}", None

        again = self.kill_many(settings["kills"], 12, next_kill)
        inside = sum(1 for _, between in self.kills if between)
        by_step = {step: sum(1 for kill, _ in self.kills if kill == step) for step in steps}
        print(f"{len(self.kills)} kills in {self.loads} loads, {inside} between the first and the last commit: {by_step}; "
              f"embedded again a load: {[texts for _, texts in again]}", flush=True)
        self.assertGreater(inside, len(self.kills) // 2)
        for used, texts in again: # no more than what was being computed at each kill
            self.assertLessEqual(texts, (used + 1) * EMBED_THREADS * SHARE_TEXTS)

    def test_killed_at_moments_of_chance_every_row_is_there_once(self):
        self.kill_many(max(3, settings["kills"] // 4), 8, lambda: (None, self.random.uniform(0.5, 4)))

    def test_killed_while_the_next_micro_batch_is_embedded_ahead_every_row_is_there_once(self):
        """Many small micro-batches, each read while the one before it waits for its commit."""
        self.make_job(self.rows, "--files-per-commit", "3", limits="maxFilesPerTrigger: 1")
        points = [f"{step}:{number}" for step in ("commits.named", "commits.there", "offsets.named", "offsets.there",
                                                  "journal.removed", "vectors.torn") for number in (1, 3)]
        self.random.shuffle(points)
        turn = iter(points)
        again = self.kill_many(max(4, settings["kills"] // 2), 8, lambda: (next(turn, "commits.named:2"), None))
        print(f"embedded again a load: {[texts for _, texts in again]}", flush=True)
        for used, texts in again:
            self.assertLessEqual(texts, (used + 1) * EMBED_THREADS * SHARE_TEXTS)

    def test_killed_without_kept_vectors_every_row_is_there_once(self):
        self.kill_many(4, 4, lambda: (f"journal.flushed:{self.random.randint(3, 12)}", None), "--keep-vectors", "off")
        self.assertFalse([name for name in os.listdir(os.path.join(self.folder, "checkpoint", "vectors"))
                          if name.endswith(".vectors")])

    def test_a_full_disk_stops_before_the_send_and_the_load_goes_on_when_there_is_room(self):
        self.texts_expected = self.texts()
        self.start_load()
        for write in (3, 5, 9):
            code, _, said = self.run_once(full=str(write))
            self.assertEqual(code, 5, said)
            self.assertIn("No space left on device", said)
            self.assertIn("run again", said)
        self.finish()
        self.check_graph(self.texts_expected)

    def test_rejects_are_neither_repeated_nor_lost(self):
        self.make_job(self.rows, "--bad-rows", "40")
        files = ("checkpoint", "rejects")

        def records():
            lines = []
            for name in sorted(os.listdir(os.path.join(self.folder, *files))):
                if name.endswith(".jsonl"):
                    with open(os.path.join(self.folder, *files, name), encoding="utf-8") as file:
                        lines += [json.loads(line) for line in file]
            return sorted((line["target"], line["row"], line["code"]) for line in lines)

        self.start_load()
        code, _, said = self.run_once("--reject-limit", "none")
        self.assertEqual(code, 8, said)
        expected, counts = records(), self.graph.counts()
        self.assertGreater(len(expected), 40)
        self.start_load()
        for point in ("rejects.torn:3", "journal.flushed:6", "rejects.torn:2", "journal.flushed:4", "commits.named:1"):
            code, _, said = self.run_once("--reject-limit", "none", point=point)
            self.assertEqual(code, KILLED, f"{point}: {said}")
            self.note_kill(point)
        code, _, said = self.run_once("--reject-limit", "none")
        self.assertIn(code, (0, 8), said)
        self.assertEqual(records(), expected)
        self.assertEqual(self.graph.counts(), counts)


class Server(Load):
    """What a server can do to a load: only where there is one that may be stopped."""

    def setUp(self):
        super().setUp()
        if settings["target"].startswith("duckdb:"):
            self.skipTest("the target is a file")
        self.name = os.path.basename(os.path.dirname(settings["target"]))
        self.scripts = os.path.join(HERE, "..", "..", "..", "scripts", "neo4j")
        done = subprocess.run([self.scripts, "pid", "--name", self.name], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.skipTest(f"no server called {self.name} was started by scripts/neo4j")
        self.pid = int(done.stdout)
        with open(settings["target"], encoding="utf-8") as file:
            self.port = re.search(r"^NEO4J_URI=.*:(\d+)", file.read(), re.M).group(1)

    def test_a_late_orphan_of_a_stopped_server_fails(self):
        self.texts_expected = self.texts()
        self.start_load()
        code, _, said = self.run_once(point="journal.flushed:8")
        self.assertEqual(code, KILLED, said)
        for _ in range(3):
            child = subprocess.Popen(self.command(), cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            time.sleep(self.random.uniform(0.5, 1.2))
            os.kill(self.pid, signal.SIGSTOP) # in the middle of whatever is under way
            try:
                time.sleep(0.3)
                child.kill()
                child.communicate()
                resumed = subprocess.Popen(self.command(), cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL,
                                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                time.sleep(0.5)
            finally:
                os.kill(self.pid, signal.SIGCONT)
            time.sleep(self.random.uniform(0.3, 0.8))
            resumed.kill()
            resumed.communicate()
            self.note_kill("server stopped")
        self.finish()
        self.check_graph(self.texts_expected)

    def test_a_server_that_is_killed_and_started_again_loses_nothing(self):
        self.texts_expected = self.texts()
        self.start_load()
        child = subprocess.Popen(self.command(), cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(1.0)
        os.kill(self.pid, signal.SIGKILL)
        while os.path.exists(f"/proc/{self.pid}"): # a server that is still there would be found running
            time.sleep(0.1)
        done = subprocess.run([self.scripts, "start", "--name", self.name, "--port", self.port, "--http-port", "0",
                               "--heap", "700m", "--tls"], check=False, capture_output=True, text=True, timeout=200)
        self.assertEqual(done.returncode, 0, done.stderr)
        _, said = child.communicate(timeout=120)
        self.assertIn(child.returncode, (0, 5), said)
        if child.returncode != 0:
            self.finish()
        self.check_graph(self.texts_expected)


def take(name, default):
    if name not in sys.argv:
        return default
    at = sys.argv.index(name)
    value = int(sys.argv[at + 1])
    del sys.argv[at:at + 2]
    return value


if __name__ == "__main__":
    settings["kills"] = take("--kills", 12)
    settings["seed"] = take("--seed", 1)
    settings["rows"] = take("--rows", 400)
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    settings["heddle"], settings["module"], settings["target"] = map(os.path.abspath, sys.argv[1:3] + ["."])
    settings["target"] = sys.argv[3]
    NEEDED = sys.argv[3][7:] if sys.argv[3].startswith("duckdb:") else sys.argv[3]
    if not os.path.exists(NEEDED):
        print(f"skipped: there is no {NEEDED}")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]], verbosity=2)
