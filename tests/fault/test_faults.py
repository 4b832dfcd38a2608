#!/usr/bin/env python3
"""Faults on a real server: a connection cut at every message of a batch in either direction, a server that is killed and
started again, one that stops for a while. Whatever happens, no row is lost and none is there twice.

    test_faults.py HEDDLE PROXY ENV_FILE      (ENV_FILE as scripts/neo4j writes it; skipped with 77 where it is missing)

HEDDLE_FAULT_SOAK_MINUTES=N adds N minutes of cuts at random places, on loads of random shape.
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

HEDDLE = PROXY = ENV_FILE = ""
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GROUPS = 12

# Rows that are merged may be written twice; of rows that are created a lost COMMIT is looked up by its mark.
WRITE_MODES = ("merge", "create")

JOB = '''version: "1"
config: {{batch_rows: {batch_rows}, writers: {writers}, pipeline_depth: {depth}, verify: "off"}}
sources: [{{name: items, type: csv, path: items.csv}}]
targets:
  nodes:
    - {{name: item, source: items, labels: [FaultItem], write_mode: {mode},
       properties: [{{source_field: id, target_property: id, target_property_type: integer}}],
       schema: {{unique_constraints: [{{name: fault_item_id, label: FaultItem, properties: [id]}}]}}}}
    - {{name: group, source: items, labels: [FaultGroup], write_mode: merge,
       properties: [{{source_field: group, target_property: id, target_property_type: integer}}],
       schema: {{unique_constraints: [{{name: fault_group_id, label: FaultGroup, properties: [id]}}]}}}}
  relationships:
    - {{name: in_group, source: items, type: IN_GROUP, write_mode: {mode}, node_match_mode: match, schedule: {{road: {road}}},
       start_node_reference: {{name: item, key_mappings: [{{source_field: id, node_property: id}}]}},
       end_node_reference: {{name: group, key_mappings: [{{source_field: group, node_property: id}}]}}}}
'''

COUNTS = '''
OPTIONAL MATCH (n:FaultItem) WITH count(n) AS items, count(DISTINCT n.id) AS ids
OPTIONAL MATCH (g:FaultGroup) WITH items, ids, count(g) AS groups
OPTIONAL MATCH (:FaultItem)-[r:IN_GROUP]->(:FaultGroup) RETURN items, ids, groups, count(r) AS links
'''


def settings():
    with open(ENV_FILE, encoding="utf-8") as file:
        return dict(re.findall(r"^(?:export )?(\w+)=[\"']?(.*?)[\"']?$", file.read(), flags=re.MULTILINE))


def environment():
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NEO4J_", "HEDDLE_"))}
    kept.update(CI="true", NEO4J_PASSWORD=settings()["NEO4J_PASSWORD"])
    return kept


def server_port():
    return settings()["NEO4J_URI"].rsplit(":", 1)[1]


def server(verb, *more):
    name = os.path.basename(os.path.dirname(os.path.abspath(ENV_FILE)))
    done = subprocess.run([os.path.join(SOURCE, "scripts", "neo4j"), verb, "--name", name, *more], check=True,
                          stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


class Proxy:
    """The proxy of proxy.c, and what it has said once it has ended."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([PROXY, server_port(), *map(str, arguments)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.uri = "bolt://127.0.0.1:" + self.process.stdout.readline().split()[1]

    def end(self):
        said, _ = self.process.communicate()
        return said.splitlines()


class Faults(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.wipe()

    def cypher(self, query):
        """A server that has just come back may take a while until its database answers."""
        deadline = time.time() + 60
        while True:
            done = subprocess.run([HEDDLE, "cypher", query, "--json", "--env-file", ENV_FILE], cwd=self.folder,
                                  env=environment(), capture_output=True, text=True, timeout=120, check=False)
            if done.returncode == 0:
                return json.loads(done.stdout)
            if done.returncode != 5 or time.time() > deadline:
                raise AssertionError(f"{query}: exit {done.returncode}: {done.stderr}")
            time.sleep(1)

    def wipe(self):
        self.cypher("MATCH (n) WHERE n:FaultItem OR n:FaultGroup OR n:HeddleLoad "
                    "CALL { WITH n DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS")

    def write_job(self, rows, batch_rows, writers=1, depth=1, mode="merge", road="auto"):
        self.rows = rows
        with open(os.path.join(self.folder, "items.csv"), "w", encoding="utf-8") as file:
            file.write("id,group\n" + "".join(f"{i},{i % GROUPS}\n" for i in range(rows)))
        with open(os.path.join(self.folder, "items.yaml"), "w", encoding="utf-8") as file:
            file.write(JOB.format(batch_rows=batch_rows, writers=writers, depth=depth, mode=mode, road=road))

    def start(self, uri, *more):
        return subprocess.Popen([HEDDLE, "run", "items.yaml", "--json", "--to", uri, "--username",
                                 settings()["NEO4J_USERNAME"], *more], cwd=self.folder,
                                env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def must_be_whole(self):
        found = self.cypher(COUNTS)[0]
        self.assertEqual(found, {"items": self.rows, "ids": self.rows, "groups": GROUPS, "links": self.rows})

    def load(self, *proxy_arguments):
        """A load through a proxy that must come through and leave every row once. What the proxy said."""
        proxy = Proxy(*proxy_arguments)
        running = self.start(proxy.uri, "--fresh", "--yes")
        try:
            out, err = running.communicate(timeout=240)
        finally:
            running.kill()
            said = proxy.end()
        self.assertEqual(running.returncode, 0, err)
        for target in json.loads(out)["targets"]:
            self.assertEqual(target["read"], self.rows)
            self.assertEqual(target["read"], target["created"] + target["matched"] + target["folded"])
        self.must_be_whole()
        return said

    def cut_everywhere(self, depth, back, where, road="auto"):
        """Cuts at each message of the batch that is `back` before the last."""
        for mode in WRITE_MODES:
            self.wipe()
            self.write_job(240, 60, depth=depth, mode=mode, road=road)
            sizes = {int(n): int(of) for n, of in re.findall(r"batch (\d+) messages (\d+)", "\n".join(self.load()))}
            self.assertGreaterEqual(len(sizes), back + 2)
            batch = max(sizes) - back
            self.assertGreaterEqual(sizes[batch], 4)  # BEGIN, RUN, PULL, COMMIT
            for message in range(sizes[batch]):
                for direction in ("client", "server"):
                    with self.subTest(mode=mode, message=message, direction=direction):
                        self.wipe()
                        said = self.load("--cut", f"{direction}:{batch}:{message}:{where}")
                        self.assertEqual(said.count("cut"), 1)

    # The items come last, with the relationships that start at them; where these have a road of their own, they do.
    def test_a_connection_cut_before_any_message_of_a_batch_of_nodes_and_relationships_costs_no_row(self):
        self.cut_everywhere(1, 0, "before")

    def test_a_connection_cut_inside_any_message_of_a_batch_of_relationships_costs_no_row(self):
        self.cut_everywhere(1, 1, "inside", road="tiles")

    def test_a_connection_cut_with_two_batches_in_flight_costs_no_row(self):
        self.cut_everywhere(2, 2, "before")

    def long_load(self):
        """A load that takes seconds, under way: (process, proxy)."""
        self.write_job(12000, 100, writers=2, mode="create")
        proxy = Proxy("--delay-ms", 10)
        self.addCleanup(proxy.end)
        running = self.start(proxy.uri)
        self.addCleanup(running.kill)
        deadline = time.monotonic() + 60
        while self.cypher("MATCH (n:FaultItem) RETURN count(n) AS n")[0]["n"] < 1000:
            self.assertIsNone(running.poll(), "the load ended early")
            self.assertLess(time.monotonic(), deadline, "the load does not begin")
        return running

    def test_a_server_that_stops_for_a_while_costs_no_row(self):
        running = self.long_load()
        pid = int(server("pid"))
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(2)
            self.assertIsNone(running.poll())
        finally:
            os.kill(pid, signal.SIGCONT)
        _, err = running.communicate(timeout=240)
        self.assertEqual(running.returncode, 0, err)
        self.must_be_whole()

    def test_a_server_that_is_killed_and_started_again_costs_no_row(self):
        running = self.long_load()
        port = server_port()
        version = re.search(r"Neo4j (\S+) ", server("status")).group(1)
        os.kill(int(server("pid")), signal.SIGKILL)
        try:
            time.sleep(0.5)
        finally:
            server("start", "--version", version, "--port", port, "--http-port", "0", "--heap", "700m", "--tls")
        _, err = running.communicate(timeout=240)
        # Where the server takes longer than a load waits for it, the load says so and a second run completes it.
        self.assertIn(running.returncode, (0, 5), err)
        if running.returncode == 5:
            self.assertRegex(err, "was away for")
            again = self.start(settings()["NEO4J_URI"])
            _, err = again.communicate(timeout=240)
            self.assertEqual(again.returncode, 0, err)
        self.must_be_whole()

    @unittest.skipUnless(os.environ.get("HEDDLE_FAULT_SOAK_MINUTES"), "HEDDLE_FAULT_SOAK_MINUTES is not set")
    def test_soak_of_cuts_at_random_places(self):
        seed = int(os.environ.get("HEDDLE_FAULT_SOAK_SEED", time.time_ns() % 1000000))
        print(f"HEDDLE_FAULT_SOAK_SEED={seed}")
        chance = random.Random(seed)
        end = time.monotonic() + 60 * float(os.environ["HEDDLE_FAULT_SOAK_MINUTES"])
        rounds = cuts = 0
        while time.monotonic() < end:
            self.wipe()
            self.write_job(chance.choice((500, 3000)), chance.choice((50, 200)), chance.choice((1, 2, 4)),
                           chance.choice((1, 2, 4)), chance.choice(WRITE_MODES))
            said = self.load("--delay-ms", chance.choice((0, 1, 5)), "--cut",
                             f"{chance.choice(('client', 'server'))}:{chance.randint(1, 12)}:{chance.randint(0, 3)}:"
                             f"{chance.choice(('before', 'inside'))}")
            rounds += 1
            cuts += said.count("cut")
        print(f"{rounds} loads, {cuts} cuts")
        self.assertGreater(cuts, 0)


if __name__ == "__main__":
    HEDDLE, PROXY, ENV_FILE = map(os.path.abspath, sys.argv[1:4])
    if not os.path.exists(ENV_FILE):
        print(f"skipped: there is no server ({ENV_FILE} is missing): scripts/neo4j could not start one")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1] + sys.argv[4:], verbosity=2)
