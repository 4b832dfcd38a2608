#!/usr/bin/env python3
"""write_rows.py URI plain|lists|vectors FIRST ROWS CONNECTIONS BATCH STATEMENT: the rows of bench/lib/rows.h into a server by
the official driver, a thread and a session for each connection; one line of JSON.

Rows are there as the driver takes them before the clock starts: lists [id, text, vector], the vector as a list of floats or as
the driver's own Vector. One managed transaction a batch. The password comes from NEO4J_PASSWORD.
"""
import json
import os
import queue
import resource
import sys
import threading
import time

import neo4j

DIMENSIONS = 384
WORDS = "pump removed, seal worn at the pressure port; "


def row_of(shape, key):
    head = f"{key} "
    text = head + "".join(WORDS[i % len(WORDS)] for i in range(len(head), 120))
    if shape == "plain":
        return [key, text]
    vector = [((key * DIMENSIONS + i) % 1009) / 1009.0 - 0.5 for i in range(DIMENSIONS)]
    if shape == "vectors":
        from neo4j.vector import Vector
        vector = Vector.from_native(vector, "f32")
    return [key, text, vector]


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    uri, shape, first, rows, connections, batch, statement = sys.argv[1:8]
    first, rows, connections, batch = map(int, (first, rows, connections, batch))
    waiting = queue.SimpleQueue()
    for at in range(0, rows, batch):
        waiting.put([row_of(shape, first + i) for i in range(at, min(at + batch, rows))])

    with neo4j.GraphDatabase.driver(uri, auth=("neo4j", os.environ["NEO4J_PASSWORD"])) as driver:
        sessions = [driver.session() for _ in range(connections)]
        for session in sessions:
            session.run("RETURN 1").consume()
        failures = []

        def work(session):
            try:
                while True:
                    part = waiting.get_nowait()
                    session.execute_write(lambda tx, part=part: tx.run(statement, rows=part).consume())
            except queue.Empty:
                pass
            except Exception as reason:  # told below, by the thread that may end the program
                failures.append(reason)

        wall, used = time.monotonic(), cpu()
        threads = [threading.Thread(target=work, args=(session,)) for session in sessions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wall, used = time.monotonic() - wall, cpu() - used
        for session in sessions:
            session.close()
    if failures:
        raise failures[0]
    print(json.dumps({"who": "python", "rows": rows, "seconds": round(wall, 4), "rows_per_second": round(rows / wall),
                      "cpu_us_per_row": round(used * 1e6 / rows, 3)}))


main()
