#!/usr/bin/env python3
"""Loads into a real Neo4j server that are taken back: what they created goes, what they only met stays, a clean that is killed
is gone on with, and relationships of others hold their nodes.

    test_clean.py HEDDLE ENV_FILE        (ENV_FILE as scripts/neo4j writes it; skipped with 77 where it is missing)
"""
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HEDDLE = ""
ENV_FILE = ""
LABELS = ("HeddleTestFlight", "HeddleTestTail", "HeddleLoad", "HeddleTx", "HeddlePart")


def start(*arguments, cwd):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NEO4J_", "HEDDLE_"))}
    return subprocess.Popen([HEDDLE, *map(str, arguments), "--env-file", ENV_FILE], cwd=cwd, env={**kept, "CI": "true"},
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def heddle(*arguments, cwd, code=0):
    child = start(*arguments, cwd=cwd)
    out, err = child.communicate(timeout=300)
    if child.returncode != code:
        raise AssertionError(f"{arguments}: exit {child.returncode}, expected {code}\n{out}\n{err}")
    return out if code == 0 else out + err


class Clean(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.wipe()

    def tearDown(self):
        self.wipe()
        shutil.rmtree(self.folder)

    def cypher(self, query):
        return json.loads(heddle("cypher", query, "--json", cwd=self.folder))

    def wipe(self):
        for name in os.listdir(self.folder):
            if name.endswith(".checkpoint"):
                shutil.rmtree(os.path.join(self.folder, name))
        for label in LABELS:
            while self.cypher(f"MATCH (n:{label}) WITH n LIMIT 5000 DETACH DELETE n RETURN count(*) AS n")[0]["n"]:
                pass
        for record in self.cypher("SHOW CONSTRAINTS YIELD name WHERE name STARTS WITH 'heddle_test' RETURN name"):
            heddle("cypher", f"DROP CONSTRAINT {record['name']}", cwd=self.folder)

    def graph(self):
        """Everything of the test's, as lists that can be compared."""
        nodes = self.cypher("MATCH (n) WHERE n:HeddleTestFlight OR n:HeddleTestTail "
                            "RETURN labels(n)[0] AS label, n.id AS id, n.load_id AS load ORDER BY label, id")
        pairs = self.cypher("MATCH (a:HeddleTestFlight)-[r:HEDDLE_TEST_FLOWN_BY]->(b) "
                            "RETURN a.id AS a, b.id AS b, r.load_id AS load ORDER BY a, b, load")
        return nodes, pairs

    def job(self, name, first, count, tails, mode="merge"):
        with open(os.path.join(self.folder, f"{name}.csv"), "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("flight", "tail"), *((i, f"T{i % tails}") for i in range(first, first + count))])
        node = {"source": "table", "write_mode": "merge"}
        job = {"version": "1",
               "sources": [{"name": "table", "type": "csv", "path": f"{name}.csv"}],
               "targets": {
                   "nodes": [
                       {**node, "name": "flight", "labels": ["HeddleTestFlight"], "write_mode": mode,
                        "properties": [{"source_field": "flight", "target_property": "id",
                                        "target_property_type": "integer"}],
                        "schema": {"unique_constraints": [{"name": "heddle_test_flight", "label": "HeddleTestFlight",
                                                           "properties": ["id"]}]}},
                       {**node, "name": "tail", "labels": ["HeddleTestTail"],
                        "properties": [{"source_field": "tail", "target_property": "id",
                                        "target_property_type": "string"}],
                        "schema": {"unique_constraints": [{"name": "heddle_test_tail", "label": "HeddleTestTail",
                                                           "properties": ["id"]}]}}],
                   "relationships": [
                       {"name": "flown_by", "source": "table", "type": "HEDDLE_TEST_FLOWN_BY", "write_mode": mode,
                        "node_match_mode": "match",
                        "start_node_reference": {"name": "flight",
                                                 "key_mappings": [{"source_field": "flight", "node_property": "id"}]},
                        "end_node_reference": {"name": "tail",
                                               "key_mappings": [{"source_field": "tail", "node_property": "id"}]}}]}}
        with open(os.path.join(self.folder, f"{name}.json"), "w", encoding="utf-8") as file:
            json.dump(job, file)
        return f"{name}.json"

    def load(self, job, *more):
        out = heddle("run", job, "--checkpoint", job + ".checkpoint", "--json", *more, cwd=self.folder)
        return json.loads(out)

    def clean(self, job, load, *more, code=0):
        out = heddle("clean", job, "--load", load, "--yes", "--json", *more, cwd=self.folder, code=code)
        return json.loads(out)

    def part(self, result, name):
        return next((part["found"], part["deleted"], part["kept"]) for part in result["parts"] if part["name"] == name)

    def test_what_was_created_goes_and_what_was_met_stays(self):
        for mode in ("merge", "create"):
            with self.subTest(mode):
                self.wipe()
                self.load(self.job("before", 0, 40, 5))
                was = self.graph()
                # With merge, flights 20 to 39 are met; tails T0 to T4 are in any case.
                self.load(self.job("load", 20 if mode == "merge" else 40, 300, 8, mode), "--load-id", "x1", "--writers", "4",
                          "--batch-rows", "30")
                self.assertNotEqual(self.graph(), was)
                told = json.loads(heddle("clean", "load.json", "--load", "x1", "--dry-run", "--json", cwd=self.folder))
                self.assertEqual((told["status"], self.part(told, "HeddleTestTail")), ("COUNTED", (3, 0, 0)))
                done = self.clean("load.json", "x1")
                created = 280 if mode == "merge" else 300
                self.assertEqual(self.part(done, "HeddleTestFlight"), (created, created, 0))
                self.assertEqual(self.part(done, "HeddleTestTail"), (3, 3, 0))
                self.assertEqual(self.graph(), was)
                left = self.cypher("MATCH (l:HeddleLoad {id: 'x1'}) RETURN count(l) AS n")[0]["n"]
                marks = self.cypher("MATCH (t:HeddleTx) WHERE t.id STARTS WITH 'x1/' RETURN count(t) AS n")[0]["n"]
                self.assertEqual((left, marks), (0, 0))
                self.assertEqual(self.cypher("MATCH (l:HeddleLoad) RETURN count(l) AS n")[0]["n"], 1)

    def test_what_others_hung_on_a_node_holds_it(self):
        self.load(self.job("one", 0, 30, 5), "--load-id", "x1")
        self.load(self.job("two", 100, 10, 2), "--load-id", "y2")
        done = self.clean("one.json", "x1", code=8)
        self.assertEqual(self.part(done, "HeddleTestTail"), (5, 3, 2))
        self.assertEqual(self.part(done, "HeddleTestFlight"), (30, 30, 0))
        nodes, pairs = self.graph()
        self.assertEqual((len(nodes), len(pairs)), (12, 10))
        refused = heddle("run", "one.json", "--checkpoint", "one.json.checkpoint", "--load-id", "x1", cwd=self.folder, code=5)
        self.assertIn("is being taken back", refused)
        done = self.clean("one.json", "x1", "--detach")
        self.assertEqual((done["detached"], self.part(done, "HeddleTestTail")), (10, (2, 2, 0)))
        nodes, pairs = self.graph()
        self.assertEqual((len(nodes), len(pairs)), (10, 0))

    def test_refusals_delete_nothing(self):
        self.load(self.job("one", 0, 30, 5), "--load-id", "x1")
        plain = self.load(self.job("two", 100, 10, 2))["load_id"]
        was = self.graph()
        self.assertIn("did not stamp", heddle("clean", "two.json", "--load", plain, "--yes", cwd=self.folder, code=5))
        self.assertIn("these can be taken back: x1",
                      heddle("clean", "one.json", "--load", "x2", "--yes", cwd=self.folder, code=5))
        self.cypher("MATCH (l:HeddleLoad {id: 'x1'}) SET l.heartbeat = timestamp() RETURN 1 AS one")
        self.assertIn("is running on", heddle("clean", "one.json", "--load", "x1", "--yes", cwd=self.folder, code=5))
        self.assertEqual(self.graph(), was)

    def test_shards_are_taken_back_as_one_load(self):
        self.load(self.job("before", 0, 40, 5))
        was = self.graph()
        job = self.job("load", 40, 300, 8)
        shards = [start("run", job, "--checkpoint", "shards.checkpoint", "--load-id", "x1", "--shard", f"{i}/2", "--json",
                        cwd=self.folder) for i in (1, 2)]
        said = [child.communicate(timeout=300) for child in shards]
        self.assertEqual([child.returncode for child in shards], [0, 0], said)
        self.assertNotEqual(self.graph(), was)
        refused = heddle("clean", job, "--load", "x1.1of2", "--yes", cwd=self.folder, code=5)
        self.assertIn("take that back, --load x1", refused)
        done = self.clean(job, "x1")
        self.assertEqual(self.part(done, "HeddleTestFlight"), (300, 300, 0))
        self.assertEqual(self.graph(), was)
        left = self.cypher("MATCH (l) WHERE l:HeddlePart OR l:HeddleTx OR (l:HeddleLoad AND l.id STARTS WITH 'x1') "
                           "RETURN count(l) AS n")[0]["n"]
        self.assertEqual(left, 0)

    def test_a_clean_that_is_killed_is_gone_on_with(self):
        rows = 12000
        self.load(self.job("before", rows, 40, 5))
        was = self.graph()
        self.load(self.job("load", 0, rows, 500, "create"), "--load-id", "x1")
        kills = 0
        for _ in range(6):
            before = self.count()
            child = start("clean", "load.json", "--load", "x1", "--yes", cwd=self.folder)
            deadline = time.monotonic() + 60
            while child.poll() is None and time.monotonic() < deadline and self.count() == before:
                time.sleep(0.01)
            if child.poll() is None:
                child.send_signal(signal.SIGKILL)
                kills += 1
            child.communicate()
            if child.returncode == 0:
                break
        self.assertGreater(kills, 0, "no clean was killed in its middle")
        if self.cypher("MATCH (l:HeddleLoad {id: 'x1'}) RETURN count(l) AS n")[0]["n"]:
            self.clean("load.json", "x1")
        self.assertEqual(self.graph(), was)

    def count(self):
        return self.cypher("RETURN COUNT { (:HeddleTestFlight) } + COUNT { ()-[:HEDDLE_TEST_FLOWN_BY]->() } AS n")[0]["n"]


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: test_clean.py HEDDLE ENV_FILE")
    HEDDLE, ENV_FILE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    if not os.path.exists(ENV_FILE):
        print(f"skipped: there is no server ({ENV_FILE} is missing): scripts/neo4j could not start one")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
