#!/usr/bin/env python3
"""On the tile road no transaction of a load waits for another one by a node lock: SHOW TRANSACTIONS is sampled while it runs, and
says of each transaction that is blocked what it waits for. A schedule by wrong keys must show such waits, or the test proves
nothing.

    test_waits.py HEDDLE ENV_FILE        (ENV_FILE as scripts/neo4j writes it; skipped with 77 where it is missing)
"""
import collections
import csv
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

HEDDLE = ""
ENV_FILE = ""
PEOPLE = 20000
EDGES = 30000
SAMPLERS = 3
# A wait on a node; those on RELATIONSHIP records happen between transactions that share no node.
NODE_LOCKS = ("NODE", "NODE_RELATIONSHIP_GROUP_DELETE", "DEGREES", "RELATIONSHIP_GROUP")
SAMPLE = ("SHOW TRANSACTIONS YIELD transactionId, metaData, status, resourceInformation WHERE metaData.app = 'heddle' "
          "RETURN transactionId AS id, status, resourceInformation AS what")
QUERY = ("MATCH (a:HeddleTestPerson {id: toInteger(event.a)}) MATCH (b:HeddleTestPerson {id: toInteger(event.b)}) "
         "MERGE (a)-[r:KNOWS]->(b) SET r.value = toInteger(event.value)")


def heddle(*arguments, cwd):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NEO4J_", "HEDDLE_"))}
    done = subprocess.run([HEDDLE, *map(str, arguments), "--env-file", ENV_FILE], cwd=cwd,
                          env={**kept, "CI": "true"}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=300, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


class Sampler:
    """Asks the server again and again which of the load's transactions wait, and for what."""

    def __init__(self, folder):
        self.folder = folder
        self.beside = 0  # samples that saw two transactions of the load or more
        self.waits = []  # resource types
        self.stopping = False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run) for _ in range(SAMPLERS)]

    def run(self):
        while not self.stopping:
            seen = json.loads(heddle("cypher", SAMPLE, "--json", cwd=self.folder))
            blocked = [entry["what"].get("resourceType", "?") for entry in seen
                       if entry["status"].startswith("Blocked by")]
            with self.lock:
                self.beside += len(seen) > 1
                self.waits += blocked

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        for thread in self.threads:
            thread.join()

    def node_waits(self):
        return [what for what in self.waits if what in NODE_LOCKS]


class Waits(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.wipe()
        chance = random.Random(11)
        pairs = set()
        while len(pairs) < EDGES:
            pairs.add((int(PEOPLE * chance.random() ** 1.5), int(PEOPLE * chance.random() ** 3)))
        rows = sorted(pairs)
        chance.shuffle(rows)
        self.write("people.csv", ("id",), [(i,) for i in range(PEOPLE)])
        self.write("edges.csv", ("a", "b", "value", "number"), [(a, b, i, i) for i, (a, b) in enumerate(rows)])

    def tearDown(self):
        self.wipe()
        shutil.rmtree(self.folder)

    def write(self, name, head, rows):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([head, *rows])

    def wipe(self):
        heddle("cypher", "MATCH (n:HeddleTestPerson) CALL { WITH n DETACH DELETE n } IN TRANSACTIONS OF 2000 ROWS",
               cwd=self.folder)
        heddle("cypher", "MATCH (n:HeddleLoad) DETACH DELETE n", cwd=self.folder)
        heddle("cypher", "DROP CONSTRAINT heddle_test_person IF EXISTS", cwd=self.folder)

    def load(self, writers, targets):
        person = {"name": "person", "source": "people", "labels": ["HeddleTestPerson"], "write_mode": "merge",
                  "properties": [{"source_field": "id", "target_property": "id", "target_property_type": "integer"}],
                  "schema": {"unique_constraints": [{"name": "heddle_test_person", "label": "HeddleTestPerson",
                                                     "properties": ["id"]}]}}
        job = {"version": "1", "sources": [{"name": "people", "type": "csv", "path": "people.csv"},
                                           {"name": "edges", "type": "csv", "path": "edges.csv"}],
               "targets": {"nodes": [person], **targets}}
        with open(os.path.join(self.folder, "job.json"), "w", encoding="utf-8") as file:
            json.dump(job, file)
        heddle("cypher", "MATCH ()-[r:KNOWS]->() CALL { WITH r DELETE r } IN TRANSACTIONS OF 2000 ROWS", cwd=self.folder)
        with Sampler(self.folder) as sampler:
            receipt = json.loads(heddle("run", "job.json", "--json", "--fresh", "--yes", "--writers", writers,
                                        "--verify", "off", cwd=self.folder))
        writing = receipt["writing"]
        print(f"{writers} writers: {sampler.beside} samples with several transactions, waits: "
              f"{dict(collections.Counter(sampler.waits))}, "
              f"{writing['retries']} retries of {writing['transactions']} transactions", flush=True)
        return sampler, writing

    def test_tiles_never_wait_by_a_node_lock_and_wrong_keys_do(self):
        def end(column):
            return {"name": "person", "key_mappings": [{"source_field": column, "node_property": "id"}]}
        tiles = {"relationships": [{
            "name": "knows", "source": "edges", "type": "KNOWS", "write_mode": "merge", "batch_rows": 250,
            "node_match_mode": "match", "schedule": {"road": "tiles"}, "start_node_reference": end("a"),
            "end_node_reference": end("b"), "properties": [{"source_field": "value", "target_property": "value",
                                                            "target_property_type": "integer"}]}]}
        for writers in (2, 4):
            with self.subTest(writers=writers):
                sampler, writing = self.load(writers, tiles)
                self.assertGreater(sampler.beside, 3, "too few samples to say anything")
                self.assertEqual(sampler.node_waits(), [])
                if writers == 2:
                    self.assertLess(writing["retries"] * 100, writing["transactions"])
        wrong = {"queries": [{"name": "knows", "source": "edges", "query": QUERY, "batch_rows": 250,
                              "touches": [{"label": "HeddleTestNobody", "source_field": "number"}]}]}
        sampler, _ = self.load(4, wrong)
        self.assertGreater(len(sampler.node_waits()), 0, "a schedule by random keys must wait, or nothing is proven")


if __name__ == "__main__":
    HEDDLE, ENV_FILE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    if not os.path.exists(ENV_FILE):
        print(f"skipped: there is no server ({ENV_FILE} is missing): scripts/neo4j could not start one")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
