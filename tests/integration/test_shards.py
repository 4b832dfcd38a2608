#!/usr/bin/env python3
"""One job loaded by three processes side by side: the graph is that of one process, and so is the sum of the receipts; a shard
that is killed goes on where it stopped; shards that do not belong together are refused.

    test_shards.py HEDDLE ENV_FILE        (ENV_FILE as scripts/neo4j writes it; skipped with 77 where it is missing)
"""
import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HEDDLE = ""
ENV_FILE = ""
PEOPLE = 800
EDGES = 6000
SUMS = ("read", "created", "matched", "folded", "rejected")


def environment():
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NEO4J_", "HEDDLE_"))}
    return {**kept, "CI": "true"}


def start(*arguments, cwd):
    return subprocess.Popen([HEDDLE, *map(str, arguments), "--env-file", ENV_FILE], cwd=cwd, env=environment(),
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process, code=0):
    out, err = process.communicate(timeout=300)
    if process.returncode not in (code if isinstance(code, tuple) else (code,)):
        raise AssertionError(f"{process.args}: exit {process.returncode}, expected {code}\n{out}\n{err}")
    return out, err


def heddle(*arguments, cwd, code=0):
    return finish(start(*arguments, cwd=cwd), code)


def field(source, name, kind="integer"):
    return {"source_field": source, "target_property": name, "target_property_type": kind}


def job(batch_rows=150, write_mode="merge"):
    """People of whom each stands in several rows; edges between them, by tiles; a query over what it touches."""
    def end(column):
        return {"name": "person", "key_mappings": [{"source_field": column, "node_property": "id"}]}
    return {
        "version": "1",
        "sources": [{"name": "people", "type": "csv", "path": "people.csv"},
                    {"name": "edges", "type": "csv", "path": "edges.csv"}],
        "targets": {
            "nodes": [{"name": "person", "source": "people", "labels": ["HeddleTestPerson"], "write_mode": "merge",
                       "batch_rows": batch_rows, "properties": [field("id", "id"), field("value", "value")],
                       "schema": {"unique_constraints": [{"name": "heddle_test_person", "label": "HeddleTestPerson",
                                                          "properties": ["id"]}]}}],
            "relationships": [{"name": "knows", "source": "edges", "type": "KNOWS", "write_mode": write_mode,
                               "node_match_mode": "match", "batch_rows": batch_rows, "schedule": {"road": "tiles"},
                               "start_node_reference": end("a"), "end_node_reference": end("b"),
                               "properties": [field("value", "value")]}],
            "queries": [{"name": "count", "source": "edges", "batch_rows": batch_rows,
                         "query": "MATCH (a:HeddleTestPerson {id: toInteger(event.a)}) "
                                  "MATCH (b:HeddleTestPerson {id: toInteger(event.b)}) "
                                  "SET a.n = coalesce(a.n, 0) + 1, b.n = coalesce(b.n, 0) + 1",
                         "touches": [{"label": "HeddleTestPerson", "source_field": "a"},
                                     {"label": "HeddleTestPerson", "source_field": "b"}]}]}}


class Shards(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.wipe()
        chance = random.Random(5)
        people = [(i if i % 61 else "", chance.randrange(1000)) for i in range(PEOPLE)] \
            + [(chance.randrange(1, PEOPLE), chance.randrange(1000)) for _ in range(PEOPLE)]
        self.people = {int(i): value for i, value in people if i != ""}
        ids = sorted(self.people)
        self.edges = [(ids[min(int(1 / (1 - chance.random())) - 1, len(ids) - 1)], chance.choice(ids), number)
                      for number in range(EDGES)]
        for number in range(0, EDGES, 500):
            self.edges[number] = (self.edges[number][0], PEOPLE + 7, number)  # nobody
        self.write("people.csv", ("id", "value"), people)
        self.write("edges.csv", ("a", "b", "value"), self.edges)

    def tearDown(self):
        self.wipe()
        shutil.rmtree(self.folder)

    def write(self, name, head, rows):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([head, *rows])

    def write_job(self, **settings):
        with open(os.path.join(self.folder, "job.json"), "w", encoding="utf-8") as file:
            json.dump(job(**settings), file)

    def cypher(self, query):
        return json.loads(heddle("cypher", query, "--json", cwd=self.folder)[0])

    def wipe(self):
        for label in ("HeddleTestPerson", "HeddleLoad", "HeddlePart", "HeddleTx"):
            self.cypher(f"MATCH (n:{label}) DETACH DELETE n RETURN count(*) AS n")
        for record in self.cypher("SHOW CONSTRAINTS YIELD name WHERE name STARTS WITH 'heddle_test' RETURN name"):
            heddle("cypher", f"DROP CONSTRAINT {record['name']}", cwd=self.folder)

    def shard(self, number, count=3, *more):
        return start("run", "job.json", "--json", "--shard", f"{number}/{count}", "--reject-limit", "none",
                     "--shard-wait", "60s", *more, cwd=self.folder)

    def graph(self):
        nodes = {r["id"]: (r["value"], r["n"]) for r in
                 self.cypher("MATCH (p:HeddleTestPerson) RETURN p.id AS id, p.value AS value, coalesce(p.n, 0) AS n")}
        found = self.cypher("MATCH (a:HeddleTestPerson)-[r:KNOWS]->(b) RETURN a.id AS a, b.id AS b, r.value AS value")
        edges = {(r["a"], r["b"]): r["value"] for r in found}
        self.assertEqual(len(edges), len(found), "one relationship an identity")
        return nodes, edges

    def expected(self, marks=1):
        edges = {(a, b): value for a, b, value in self.edges if b in self.people}
        counts = dict.fromkeys(self.people, 0)
        for a, b, _ in self.edges:
            if b in self.people:
                counts[a] += marks
                counts[b] += marks  # a loop counts twice
        return {i: (value, counts[i]) for i, value in self.people.items()}, edges

    def sums(self, receipts):
        totals = {}
        for receipt in receipts:
            for target in receipt["targets"]:
                self.assertEqual(target["read"], target["created"] + target["matched"] + target["folded"]
                                 + target["rejected"])
                total = totals.setdefault(target["target"], dict.fromkeys(SUMS, 0))
                for name in SUMS:
                    total[name] += target[name]
        return totals

    def rejects(self):
        rows = []
        for folder, _, files in os.walk(os.path.join(self.folder, ".heddle")):
            for name in files if os.path.basename(folder) == "rejects" else ():
                if name.endswith(".jsonl"):
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        rows += [(json.loads(line)["target"], json.loads(line)["row"]) for line in file]
        return sorted(rows)

    def test_three_side_by_side_make_the_graph_and_the_receipt_of_one(self):
        self.write_job()
        out, _ = heddle("run", "job.json", "--json", "--reject-limit", "none", cwd=self.folder, code=8)
        serial = self.sums([json.loads(out)])
        self.assertEqual(self.graph(), self.expected())
        rejects = self.rejects()
        self.assertGreater(len(rejects), 10)
        self.wipe()
        shutil.rmtree(os.path.join(self.folder, ".heddle"))
        outs = [finish(process, 8)[0] for process in [self.shard(i) for i in (1, 2, 3)]]
        receipts = [json.loads(out) for out in outs]
        self.assertEqual(self.graph(), self.expected())
        self.assertEqual(self.sums(receipts), serial)
        self.assertEqual(self.rejects(), rejects)
        for receipt in receipts:  # all took part
            self.assertTrue(all(target["read"] > 100 for target in receipt["targets"]), receipt["targets"])
        parts = self.cypher("MATCH (p:HeddlePart) RETURN count(p) AS n")[0]["n"]
        self.assertGreater(parts, 0)
        self.assertEqual(self.cypher("MATCH (t:HeddleTx) RETURN count(t) AS n")[0]["n"], 0)
        # Nothing is new: each says so by itself.
        for i in (1, 2, 3):
            receipt = json.loads(finish(self.shard(i))[0])
            self.assertEqual(sum(target["read"] for target in receipt["targets"]), 0)

    def test_a_shard_that_is_killed_goes_on_where_it_stopped(self):
        self.write_job(batch_rows=40, write_mode="create")
        expected_edges = sum(b in self.people for _, b, _ in self.edges)
        processes = [self.shard(i) for i in (1, 2, 3)]
        deadline = time.monotonic() + 120
        while self.cypher("MATCH ()-[r:KNOWS]->() RETURN count(r) AS n")[0]["n"] < expected_edges // 4:
            self.assertIsNone(processes[1].poll(), "the shard ended before it could be killed")
            self.assertLess(time.monotonic(), deadline)
        processes[1].send_signal(signal.SIGKILL)
        processes[1].communicate()
        processes[1] = self.shard(2)
        for process in processes:
            finish(process, (0, 8))  # the run that was killed may have noted its rejects already
        count = self.cypher("MATCH ()-[r:KNOWS]->() RETURN count(r) AS n, sum(r.value) AS s")[0]
        values = sum(value for _, b, value in self.edges if b in self.people)
        self.assertEqual((count["n"], count["s"]), (expected_edges, values), "each once")
        nodes = self.cypher("MATCH (p:HeddleTestPerson) RETURN p.id AS id, p.value AS value, p.n AS n")
        wanted, _ = self.expected()
        self.assertEqual({r["id"]: (r["value"], r["n"] or 0) for r in nodes}, wanted)

    def test_shards_that_do_not_belong_together_are_refused(self):
        self.write_job()
        for wrong in ("0/3", "4/3", "1", "1/300", "a/b", "1/2/3"):
            _, err = heddle("run", "job.json", "--shard", wrong, cwd=self.folder, code=1)
            self.assertIn("write I/N", err)
        process = self.shard(1, 2)
        time.sleep(2)
        _, err = finish(self.shard(1, 3), 5)
        self.assertIn("was begun in 2 shards", err)
        _, err = heddle("run", "job.json", cwd=self.folder, code=5)
        self.assertIn("go on with --shard 1/2", err)
        _, err = heddle("run", "job.json", "--to", "duckdb:x.duckdb", "--shard", "1/2", "--checkpoint",
                        "other", cwd=self.folder, code=1)
        self.assertIn("written by one process", err)
        for process in [self.shard(2, 2), process]:
            finish(process, 8)
        self.assertEqual(self.graph(), self.expected())
        # One run that starts over is no longer a shard's business.
        heddle("run", "job.json", "--fresh", "--yes", "--reject-limit", "none", cwd=self.folder, code=8)
        self.assertEqual(self.graph(), self.expected(marks=2))
        _, err = finish(self.shard(1, 2), 5)
        self.assertIn("begun by one run", err)

    def test_a_shard_that_is_missing_is_named_and_the_others_go_on_later(self):
        self.write_job()
        process = start("run", "job.json", "--json", "--shard", "1/2", "--reject-limit", "none", "--shard-wait", "1s",
                        cwd=self.folder)
        _, err = finish(process, 5)
        self.assertIn("shard 2 of 2 was not heard of", err)
        for process in [self.shard(1, 2), self.shard(2, 2)]:
            finish(process, 8)
        self.assertEqual(self.graph(), self.expected())

    def test_parts_are_locked_in_the_database(self):
        self.write_job()
        processes = [self.shard(i, 2, "--writers", 1) for i in (1, 2)]
        for process in processes:
            finish(process, 8)
        locked = self.cypher("MATCH (p:HeddlePart) WHERE p.held RETURN count(p) AS n")[0]["n"]
        load = self.cypher("MATCH (l:HeddleLoad) WHERE l.shards = 2 RETURN l.parts AS parts")[0]["parts"]
        self.assertEqual(locked % load, 0)


if __name__ == "__main__":
    HEDDLE, ENV_FILE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    if not os.path.exists(ENV_FILE):
        print(f"skipped: there is no server ({ENV_FILE} is missing): scripts/neo4j could not start one")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
