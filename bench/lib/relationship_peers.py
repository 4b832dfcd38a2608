"""The peers of bench/relationships that are programs of the official driver: edges from a file, one way of writing them.

    relationship_peers.py ENGINE EDGES TYPE create|merge WRITERS

ENGINE: serial       one session, batch after batch
        naive        a thread for each writer, batches as they come, retries as the driver does them
        concurrent   the server's CALL { … } IN n CONCURRENT TRANSACTIONS ON ERROR RETRY
        disjoint     the same with DISJOINT BY the two keys
        rounds       edges in a grid of groups, a colour a round, the groups of a round at once, a barrier after each: our own
                     writing of the published method (unordered pairs of n = 2 x writers groups, colour = sum mod n)

EDGES is a file of pairs of 64-bit numbers. Address and password come from NEO4J_URI, NEO4J_USERNAME, NEO4J_PASSWORD.
Prints one line of JSON. In the clock: everything from the first row on, the grouping of `rounds` included; not connecting.
"""
import array
import json
import logging
import os
import sys
import threading
import time

import neo4j

BATCH = 2000
ROWS_A_CALL = 100000
TRANSIENT_TRIES = 1000


def read_edges(path):
    pairs = array.array("q")
    with open(path, "rb") as file:
        pairs.frombytes(file.read())
    return [[pairs[i], pairs[i + 1]] for i in range(0, len(pairs), 2)]


def batches_of(edges):
    return [edges[i:i + BATCH] for i in range(0, len(edges), BATCH)]


class Writing:
    """Sends batches and counts what goes wrong."""

    def __init__(self, driver, kind, write):
        verb = "MERGE" if write == "merge" else "CREATE"
        self.body = (f"MATCH (a:BenchNode {{id: r[0]}}) MATCH (b:BenchNode {{id: r[1]}}) {verb} (a)-[:{kind}]->(b)")
        self.driver = driver
        self.retries = self.deadlocks = self.transactions = 0
        self.wasted = 0.0
        self.lock = threading.Lock()

    def send(self, session, rows):
        text = f"UNWIND $rows AS r {self.body}"

        def work(transaction):
            start = time.monotonic()
            try:
                transaction.run(text, rows=rows).consume()
            except neo4j.exceptions.TransientError as error:
                with self.lock:
                    self.retries += 1
                    self.deadlocks += "Deadlock" in (error.code or "")
                    self.wasted += time.monotonic() - start
                raise

        session.execute_write(work)
        with self.lock:
            self.transactions += 1

    def send_all(self, list_of_batches):
        with self.driver.session() as session:
            for rows in list_of_batches:
                self.send(session, rows)

    def in_threads(self, lists):
        threads = [threading.Thread(target=self.send_all, args=(one,)) for one in lists]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def serial(writing, edges, _):
    writing.send_all(batches_of(edges))


def naive(writing, edges, writers):
    batches = batches_of(edges)
    writing.in_threads([batches[i::writers] for i in range(writers)])


def rounds(writing, edges, writers):
    """n groups a side; the unordered pair of a row's groups is its block; blocks of one colour share no group."""
    n = 2 * writers
    blocks = {}
    for row in edges:
        a, b = hash((row[0], 1)) % n, hash((row[1], 1)) % n
        blocks.setdefault((a, b) if a <= b else (b, a), []).append(row)
    for colour in range(n):
        lists = [batches_of(rows) for (a, b), rows in sorted(blocks.items()) if (a + b) % n == colour]
        # As many at once as there are writers; the round ends when its last block does.
        waiting = sorted(lists, key=len, reverse=True)
        lock = threading.Lock()

        def work():
            with writing.driver.session() as session:
                while True:
                    with lock:
                        if not waiting:
                            return
                        mine = waiting.pop(0)
                    for rows in mine:
                        writing.send(session, rows)

        threads = [threading.Thread(target=work) for _ in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def by_the_server(writing, edges, writers, more):
    with writing.driver.session() as session:
        for i in range(0, len(edges), ROWS_A_CALL):
            session.run(f"CYPHER 25 UNWIND $rows AS r CALL (r) {{ {writing.body} }} "
                        f"IN {writers} CONCURRENT TRANSACTIONS OF {BATCH} ROWS {more}",
                        rows=edges[i:i + ROWS_A_CALL]).consume()
            writing.transactions += (min(ROWS_A_CALL, len(edges) - i) + BATCH - 1) // BATCH


def concurrent(writing, edges, writers):
    by_the_server(writing, edges, writers, "ON ERROR RETRY FOR 60 SECONDS THEN FAIL")


def disjoint(writing, edges, writers):
    by_the_server(writing, edges, writers, "DISJOINT BY (r[0], r[1]) ON ERROR RETRY FOR 60 SECONDS THEN FAIL")


def main():
    engine, path, kind, write, writers = sys.argv[1:6]
    logging.getLogger("neo4j").setLevel(logging.CRITICAL)  # retries are counted, not told one by one
    edges = read_edges(path)
    login = (os.environ.get("NEO4J_USERNAME", "neo4j"), os.environ["NEO4J_PASSWORD"])
    with neo4j.GraphDatabase.driver(os.environ["NEO4J_URI"], auth=login, notifications_min_severity="OFF",
                                    max_transaction_retry_time=300) as driver:
        driver.verify_connectivity()
        writing = Writing(driver, kind, write)
        start = time.monotonic()
        globals()[engine](writing, edges, int(writers))
        seconds = time.monotonic() - start
    print(json.dumps({"engine": engine, "seconds": seconds, "rows": len(edges), "transactions": writing.transactions,
                      "retries": writing.retries, "deadlocks": writing.deadlocks, "wasted_seconds": writing.wasted,
                      "driver": neo4j.__version__}))


main()
