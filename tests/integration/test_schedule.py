#!/usr/bin/env python3
"""Scheduled loads into a real Neo4j server: the graph of many writers is that of a serial load, whatever the job says of its
nodes; a schedule by wrong keys must meet locks, or the test proves nothing.

    test_schedule.py HEDDLE ENV_FILE        (ENV_FILE as scripts/neo4j writes it; skipped with 77 where it is missing)
"""
import csv
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

HEDDLE = ""
ENV_FILE = ""
PEOPLE = 200
MERGE_QUERY = ("MATCH (a:HeddleTestPerson {id: toInteger(event.a)}) MATCH (b:HeddleTestPerson {id: toInteger(event.b)}) "
               "MERGE (a)-[r:KNOWS]->(b) SET r.value = toInteger(event.value)")


def heddle(*arguments, cwd, code=0):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NEO4J_", "HEDDLE_"))}
    command = [HEDDLE, *map(str, arguments), "--env-file", ENV_FILE]
    done = subprocess.run(command, cwd=cwd, env={**kept, "CI": "true"}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != code:
        raise AssertionError(f"{command}: exit {done.returncode}, expected {code}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def edges(seed, count, components=False, bipartite=False):
    """Skewed edges, loops, reversed pairs and repeats among them: (a, b, k, value, component, number)."""
    chance = random.Random(seed)
    rows = []
    for number in range(count):
        a = min(int(1 / (1 - chance.random())) - 1, PEOPLE - 1)
        b = chance.randrange(PEOPLE)
        if bipartite:
            a, b = a // 2, PEOPLE // 2 + b // 2
        if components:
            b = b // 10 * 10 + a % 10
        if number % 7 == 0 and rows and not bipartite:
            b, a = rows[chance.randrange(len(rows))][:2]
        rows.append((a, b, f"{a}-{b}-{chance.randrange(2)}", number, a % 10, number))
    return rows


class Schedule(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.wipe()

    def tearDown(self):
        self.wipe()
        shutil.rmtree(self.folder)

    def cypher(self, query):
        return json.loads(heddle("cypher", query, "--json", cwd=self.folder))

    def wipe(self):
        self.cypher("MATCH (n:HeddleTestPerson) DETACH DELETE n RETURN count(*) AS n")
        self.cypher("MATCH (n:HeddleLoad) DETACH DELETE n RETURN count(*) AS n")
        for record in self.cypher("SHOW CONSTRAINTS YIELD name WHERE name STARTS WITH 'heddle_test' RETURN name"):
            heddle("cypher", f"DROP CONSTRAINT {record['name']}", cwd=self.folder)

    def write_rows(self, rows):
        with open(os.path.join(self.folder, "people.csv"), "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("id",), *((i,) for i in range(PEOPLE))])
        with open(os.path.join(self.folder, "edges.csv"), "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("a", "b", "k", "value", "component", "number"), *rows])

    def load(self, schedule=None, query=None, touches=None, key=True, batch_rows=40):
        """Nodes, then edges as a relationship target, or by a query."""
        person = {"name": "person", "source": "people", "labels": ["HeddleTestPerson"], "write_mode": "merge",
                  "properties": [{"source_field": "id", "target_property": "id", "target_property_type": "integer"}],
                  "schema": {"unique_constraints": [{"name": "heddle_test_person", "label": "HeddleTestPerson",
                                                     "properties": ["id"]}]}}
        knows = {"name": "knows", "source": "edges", "type": "KNOWS", "write_mode": "merge", "batch_rows": batch_rows,
                 "node_match_mode": "match",
                 "start_node_reference": {"name": "person",
                                          "key_mappings": [{"source_field": "a", "node_property": "id"}]},
                 "end_node_reference": {"name": "person",
                                        "key_mappings": [{"source_field": "b", "node_property": "id"}]},
                 "properties": [{"source_field": "value", "target_property": "value",
                                 "target_property_type": "integer"}]}
        if key:
            knows["properties"].append({"source_field": "k", "target_property": "k", "target_property_type": "string"})
            knows["schema"] = {"unique_constraints": [{"name": "heddle_test_knows", "properties": ["k"]}]}
        if schedule is not None:
            knows["schedule"] = schedule
        targets = {"nodes": [person]}
        if query is None:
            targets["relationships"] = [knows]
        else:
            targets["queries"] = [{"name": "knows", "source": "edges", "query": query, "batch_rows": batch_rows,
                                   **({"touches": touches} if touches else {})}]
        job = {"version": "1", "config": {"writers": 4},
               "sources": [{"name": "people", "type": "csv", "path": "people.csv"},
                           {"name": "edges", "type": "csv", "path": "edges.csv"}],
               "targets": targets}
        with open(os.path.join(self.folder, "job.json"), "w", encoding="utf-8") as file:
            json.dump(job, file)
        receipt = json.loads(heddle("run", "job.json", "--json", "--fresh", "--yes", cwd=self.folder))
        for target in receipt["targets"]:
            self.assertEqual(target["read"], target["created"] + target["matched"] + target["folded"]
                             + target["rejected"])
        return receipt

    def graph(self):
        records = self.cypher("MATCH (a:HeddleTestPerson)-[r:KNOWS]->(b) "
                              "RETURN a.id AS a, b.id AS b, coalesce(r.k, '') AS k, r.value AS value")
        found = {(r["a"], r["b"], r["k"]): r["value"] for r in records}
        self.assertEqual(len(found), len(records), "one relationship an identity")
        return found

    @staticmethod
    def reference(rows, key=True):
        return {(a, b, k if key else ""): value for a, b, k, value, _, _ in rows}

    def test_the_graph_is_that_of_a_serial_load(self):
        for seed, key in ((1, True), (2, False)):
            with self.subTest(seed=seed):
                self.wipe()
                first, second = edges(seed, 3000), edges(seed + 100, 3000)
                self.write_rows(first)
                self.load(schedule={"road": "tiles"}, key=key)
                self.assertEqual(self.graph(), self.reference(first, key))
                self.write_rows(second)
                receipt = self.load(schedule={"road": "tiles"}, key=key)  # onto what is there
                self.assertEqual(self.graph(), {**self.reference(first, key), **self.reference(second, key)})
                self.assertGreater(receipt["writing"]["writers"], 1)

    def test_true_scenarios_are_followed(self):
        for schedule, rows in (({"scenario": "predefined", "component": "component", "road": "tiles"},
                                [row for row in edges(3, 3000, components=True) if row[0] % 10 == row[1] % 10]),
                               ({"scenario": "bipartite", "road": "tiles"}, edges(4, 2000, bipartite=True)),
                               ({"scenario": "monopartite", "groups": 12, "road": "tiles"}, edges(5, 2000))):
            with self.subTest(schedule=schedule):
                self.wipe()
                self.write_rows(rows)
                receipt = self.load(schedule=schedule)
                self.assertEqual(self.graph(), self.reference(rows))
                self.assertEqual(receipt["writing"]["claim"], "")

    def test_wrong_scenarios_are_found_said_and_survived(self):
        for schedule, part in (({"scenario": "predefined", "component": "component", "road": "tiles"}, "two components"),
                               ({"scenario": "bipartite", "road": "tiles"}, "a start and an end")):
            with self.subTest(schedule=schedule):
                self.wipe()
                rows = edges(6, 3000)
                self.write_rows(rows)
                receipt = self.load(schedule=schedule)
                self.assertEqual(self.graph(), self.reference(rows))
                self.assertIn(part, receipt["writing"]["claim"])

    def test_a_query_runs_by_what_it_touches_and_by_wrong_keys_it_meets_locks(self):
        rows = edges(7, 6000)
        self.write_rows(rows)
        right = [{"label": "HeddleTestPerson", "source_field": "a"}, {"label": "HeddleTestPerson", "source_field": "b"}]
        wrong = [{"label": "HeddleTestNobody", "source_field": "number"}]
        retries = {}
        for name, touches in (("right", right), ("wrong", wrong), ("none", None)):
            self.wipe()
            receipt = self.load(query=MERGE_QUERY, touches=touches, batch_rows=200)
            self.assertEqual(self.graph().keys(), self.reference(rows, key=False).keys())
            retries[name] = receipt["writing"]["deadlocks"]
            knows = next(target for target in receipt["targets"] if target["target"] == "knows")
            self.assertEqual((knows["read"], knows["matched"]), (6000, 6000))
            if name != "wrong":
                self.assertEqual(self.graph(), self.reference(rows, key=False))  # and in order
        self.assertGreater(retries["wrong"], 0, "a schedule by random keys must deadlock, or nothing is proven")
        self.assertLess(retries["right"], retries["wrong"])
        self.assertEqual(retries["none"], 0)

    def test_rows_are_known_as_the_statement_calls_them(self):
        rows = edges(8, 300)
        self.write_rows(rows)
        body = MERGE_QUERY.replace("event.", "e.")
        for query in ("UNWIND $rows AS e " + body, "UNWIND $events AS e " + body, "UNWIND events AS e " + body,
                      MERGE_QUERY, MERGE_QUERY.replace("event.a", "event['a']")):
            with self.subTest(query=query):
                self.wipe()
                self.load(query=query)
                self.assertEqual(self.graph(), self.reference(rows, key=False))


if __name__ == "__main__":
    HEDDLE, ENV_FILE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    if not os.path.exists(ENV_FILE):
        print(f"skipped: there is no server ({ENV_FILE} is missing): scripts/neo4j could not start one")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
