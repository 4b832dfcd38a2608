#!/usr/bin/env python3
"""Five visible kills of one load, and the count at the end: what scripts/demo-crash shows.

    demo.py HEDDLE ENV_FILE|duckdb:LIBRARY FOLDER ROWS      (FOLDER holds job.yaml and its table)

Exit code 0 where every row is there exactly once.
"""
import json
import os
import signal
import subprocess
import sys
import time

import graph as graphs
import journal as journals

KILLS = 5
# Transactions of a micro-batch of 1,000 rows: four targets that create, 50 rows a transaction, and a few that merge.
UNIT = 90


def sent(folder):
    """Transactions that the load has noted, over its micro-batches of `UNIT` each at most: how far it is."""
    noted = journals.read(os.path.join(folder, "checkpoint", "journal"))
    return noted["batch"] * UNIT + noted["sent"] if noted else 0


def run_until(command, folder, more):
    """Kills the run when it has sent so many more transactions; False where it ended before that."""
    progress = os.path.join(folder, "progress")
    goal = sent(folder) + more
    with open(progress, "wb") as errors, open(os.path.join(folder, "out"), "wb") as out:
        child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=errors)
        while child.poll() is None:
            if sent(folder) >= goal:
                child.send_signal(signal.SIGKILL)
                child.wait()
                return True
            time.sleep(0.01)
    if child.returncode != 0:
        with open(progress, encoding="utf-8", errors="replace") as file:
            sys.exit(f"demo-crash: the run ended with exit code {child.returncode}\n{file.read()}")
    return False


def main():
    heddle, folder, rows = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[3]), int(sys.argv[4])
    if sys.argv[2].startswith("duckdb:"):
        graph = graphs.Duck(os.path.abspath(sys.argv[2][7:]), os.path.join(folder, "graph.duckdb"))
    else:
        graph = graphs.Neo4j(heddle, os.path.abspath(sys.argv[2]), folder)
    command = [heddle, "run", "job.yaml", *graph.arguments, "--checkpoint", "checkpoint", "--writers", "4", "--batch-rows", "50",
               "--json"]
    kills = 0
    step = rows // 1000 * UNIT // (KILLS + 1) # so that each kill falls between the first commit and the last
    while kills < KILLS and run_until(command, folder, step):
        kills += 1
        noted = journals.read(os.path.join(folder, "checkpoint", "journal"))
        print(f"run {kills}: killed with kill -9; the graph holds {graph.written():,} of the {3 * rows:,} rows that it shall, "
              f"{len(noted['open'])} transactions have no outcome", flush=True)
    if kills == KILLS:
        run_until(command, folder, float("inf"))
    print(f"run {kills + 1}: ended by itself")
    with open(os.path.join(folder, "out"), encoding="utf-8") as file:
        again = json.load(file)["embedding"]["texts_again"]
    counts = graph.counts()
    names = ("events", "removals", "removed_from", "lost")
    lost = sum(rows - counts.get("distinct " + name, counts[name]) for name in names)
    doubled = sum(counts[name] - counts.get("distinct " + name, counts[name]) for name in names)
    print("counted: " + ", ".join(f"{counts[name]:,} {name}" for name in (*names, "vectors")))
    print(f"{rows:,} = {counts['events']:,}, {lost:,} lost, {doubled:,} doubled, {again:,} texts embedded again")
    sys.exit(0 if kills == KILLS and lost == 0 and doubled == 0 and all(counts[name] == rows for name in names) else 1)


if __name__ == "__main__":
    main()
