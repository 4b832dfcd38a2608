#!/usr/bin/env python3
"""A Delta table's change feed into a real Neo4j server: what is deleted goes, with its relationships; what did not change keeps its
vector; a run that is killed is gone on with.

    test_change_feed.py HEDDLE ENV_FILE        (ENV_FILE as scripts/neo4j writes it; skipped with 77 where it is missing)
"""
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

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import delta_feed  # noqa: E402

HEDDLE = ""
ENV_FILE = ""
LABELS = ("FeedRemoval", "FeedAircraft", "FeedNote", "HeddleLoad", "HeddleTx")
REASONS = ("worn brake", "leaking pump", "cracked blade", "bird strike", "no fault found")
JOB = """
version: "1"
sources: [{name: rows, type: delta, path: rows, readChangeFeed: true}]
targets:
  nodes:
    - name: removal
      source: rows
      labels: [FeedRemoval]
      properties:
        - {source_field: id, target_property: id}
        - {source_field: reason, target_property: reason}
        - {source_field: hours, target_property: hours}
      EMBEDDING
      schema: {unique_constraints: [{name: feed_removal, label: FeedRemoval, properties: [id]}]}
      on_delete: delete
    - name: aircraft
      source: rows
      labels: [FeedAircraft]
      properties: [{source_field: tail, target_property: tail}]
      schema: {unique_constraints: [{name: feed_aircraft, label: FeedAircraft, properties: [tail]}]}
      on_delete: keep
  relationships:
    - {name: removed_from, source: rows, type: FEED_REMOVED_FROM, write_mode: merge, on_delete: delete,
       start_node_reference: removal, end_node_reference: aircraft}
"""


def environment():
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NEO4J_", "HEDDLE_"))}
    kept["CI"] = "true"
    return kept


def command(*arguments):
    return [HEDDLE, *map(str, arguments), "--env-file", ENV_FILE]


def row(number, generator):
    return {"id": number, "tail": f"N{generator.randrange(7)}", "reason": generator.choice(REASONS),
            "hours": generator.randrange(9000)}


class ChangeFeed(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.table = delta_feed.Table(os.path.join(self.folder, "rows"), HEDDLE)
        for label in LABELS:
            self.cypher(f"MATCH (n:{label}) DETACH DELETE n RETURN count(*) AS n")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def heddle(self, *arguments, code=0):
        done = subprocess.run(command(*arguments), cwd=self.folder, env=environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != code:
            raise AssertionError(f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def cypher(self, query):
        return json.loads(self.heddle("cypher", query, "--json"))

    def job(self, embeds=False):
        text = "embedding: {source_field: reason, target_property: vector}" if embeds else ""
        with open(os.path.join(self.folder, "job.yaml"), "w", encoding="utf-8") as job:
            job.write(JOB.replace("EMBEDDING", text))

    def load(self, *more):
        receipt = json.loads(self.heddle("run", "job.yaml", "--json", "--writers", 4, *more))
        counts = {target["target"]: target for target in receipt["targets"]}
        for name, count in counts.items():
            with self.subTest(target=name):
                self.assertEqual(count["read"], count["created"] + count["matched"] + count["folded"]
                                 + count["rejected"] + count["removed"])
        return receipt, counts

    def assert_graph_is_table(self):
        rows = sorted((row["id"], row["reason"], row["hours"], row["tail"]) for row in self.table.state["rows"])
        found = self.cypher("MATCH (n:FeedRemoval) OPTIONAL MATCH (n)-[:FEED_REMOVED_FROM]->(a) "
                            "RETURN n.id AS id, n.reason AS reason, n.hours AS hours, a.tail AS tail ORDER BY id")
        self.assertEqual([(one["id"], one["reason"], one["hours"], one["tail"]) for one in found], rows)

    def test_deletes_delete_and_updates_move_beside_many_writers(self):
        generator = random.Random(5)
        self.job()
        self.table.create([row(i, generator) for i in range(2000)])
        _, counts = self.load()
        self.assertEqual(counts["removal"]["created"], 2000)
        self.assert_graph_is_table()
        # Somebody else's note on a removal that goes, and on one that is replaced.
        self.cypher("MATCH (n:FeedRemoval) WHERE n.id IN [10, 20] CREATE (:FeedNote {on: n.id})-[:ABOUT]->(n) "
                    "RETURN count(*) AS n")
        self.table.change({"delete": list(range(0, 1500, 2)),
                           "update": [{"id": i, "tail": "N99"} for i in range(1, 400, 2)],
                           "insert": [row(i, generator) for i in range(5000, 5200)]})
        self.table.change({"insert": [row(i, generator) for i in range(0, 300, 2) if i != 10],
                           "delete": list(range(5000, 5100)), "rekey": [[1501, 9001], [1503, 9003]]})
        _, counts = self.load()
        self.assert_graph_is_table()
        self.assertEqual(counts["removal"]["removed"], 750 + 100 + 2)
        self.assertEqual(counts["aircraft"]["removed"], 0)
        self.assertEqual(self.cypher("MATCH (n:FeedNote) RETURN count(*) AS n")[0]["n"], 2)
        self.assertEqual(self.cypher("MATCH (:FeedNote)-[r:ABOUT]->() RETURN count(r) AS n")[0]["n"], 0)
        self.table.overwrite(self.table.state["rows"][:50])
        self.load()
        self.assert_graph_is_table()

    def test_a_load_that_is_killed_among_its_deletes_is_gone_on_with(self):
        generator = random.Random(6)
        self.job()
        self.table.create([row(i, generator) for i in range(2000)])
        self.load()
        kills = 0
        for attempt in range(4):
            live = [one["id"] for one in self.table.state["rows"]]
            generator.shuffle(live)
            fresh = 10000 * (attempt + 1)
            self.table.change({"delete": live[:300], "update": [{"id": i, "tail": f"M{attempt}"} for i in live[300:600]],
                               "insert": [row(i, generator) for i in range(fresh, fresh + 300)]})
            gone = [one for one in range(fresh, fresh + 300, 3)]
            self.table.change({"delete": gone, "insert": [row(i, generator) for i in live[:100]]})
            run = subprocess.Popen(command("run", "job.yaml", "--writers", 4, "--batch-rows", 20, "-q"), cwd=self.folder,
                                   env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
            time.sleep(0.3 + 0.25 * attempt)
            run.send_signal(signal.SIGKILL)
            kills += run.wait() == -signal.SIGKILL
            receipt, counts = self.load("--batch-rows", 20)
            self.assert_graph_is_table()
            # The receipt of the run that went on tells of the whole micro-batch, each row once.
            if receipt["micro_batches"] > 0:
                self.assertEqual(counts["removal"]["removed"], 400)
                self.assertEqual(counts["removal"]["read"], 300 + 300 + 100 + 400)
        self.assertGreater(kills, 0)

    def test_a_text_that_did_not_change_keeps_its_vector(self):
        generator = random.Random(7)
        self.job(embeds=True)
        self.table.create([row(i, generator) for i in range(60)])
        self.load()
        vectors = "MATCH (n:FeedRemoval) RETURN n.id AS id, n.vector AS vector, n.reason AS reason ORDER BY id"
        before = {one["id"]: one for one in self.cypher(vectors)}
        self.table.change({"update": [{"id": i, "hours": 1} for i in range(20)]
                           + [{"id": i, "reason": f"smoke in row {i}"} for i in range(20, 25)]})
        receipt, counts = self.load()
        self.assert_graph_is_table()
        self.assertEqual(receipt["embedding"]["texts_unchanged"], 20)
        self.assertEqual(receipt["embedding"]["texts_embedded"], 5)
        self.assertEqual(counts["removal"]["vectors"], 5)
        after = {one["id"]: one for one in self.cypher(vectors)}
        for i in range(20):
            self.assertEqual(after[i]["vector"], before[i]["vector"])
        for i in range(20, 25):
            self.assertNotEqual(after[i]["vector"], before[i]["vector"])
        # A node that somebody deleted, and one that lost its vector, are embedded whatever the feed says.
        self.cypher("MATCH (n:FeedRemoval {id: 30}) DETACH DELETE n RETURN 1 AS n")
        self.cypher("MATCH (n:FeedRemoval {id: 31}) REMOVE n.vector RETURN 1 AS n")
        self.table.change({"update": [{"id": i, "hours": 2} for i in (30, 31, 32)]})
        receipt, _ = self.load()
        self.assertEqual(receipt["embedding"]["texts_unchanged"], 1)
        again = {one["id"]: one for one in self.cypher(vectors)}
        for i in (30, 31, 32):
            self.assertEqual(len(again[i]["vector"]), 384)


if __name__ == "__main__":
    HEDDLE, ENV_FILE = os.path.abspath(sys.argv.pop(1)), os.path.abspath(sys.argv.pop(1))
    if not os.path.exists(ENV_FILE):
        print(f"skipped: there is no server ({ENV_FILE} is missing)")
        sys.exit(77)
    unittest.main()
