#!/usr/bin/env python3
"""Five visible kills of one load, and the count at the end: what scripts/demo-crash shows.

    demo.py HEDDLE ENV_FILE|duckdb:LIBRARY FOLDER ROWS      (FOLDER holds job.yaml and its table)

Exit code 0 where every row is there exactly once.
"""
import json
import os
import re
import signal
import subprocess
import sys
import time

import graph as graphs

KILLS = 5
FINISHED = -1


def written(progress):
    """Rows of all targets that a run has written, as its progress line last said."""
    with open(progress, "rb") as file:
        said = re.findall(rb"written ([0-9,]+)", file.read())
    return int(said[-1].replace(b",", b"")) if said else 0


def run_until(command, folder, environment, progress, rows):
    """Kills the run when it has written `rows` rows; answers how many it had, FINISHED where it ended before."""
    with open(progress, "wb") as errors, open(os.path.join(folder, "out"), "wb") as out:
        child = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=errors)
        while child.poll() is None:
            if written(progress) >= rows:
                child.send_signal(signal.SIGKILL)
                child.wait()
                return written(progress)
            time.sleep(0.02)
    if child.returncode != 0:
        with open(progress, encoding="utf-8", errors="replace") as file:
            sys.exit(f"demo-crash: the run ended with exit code {child.returncode}\n{file.read()}")
    return FINISHED


def main():
    heddle, folder, rows = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[3]), int(sys.argv[4])
    if sys.argv[2].startswith("duckdb:"):
        graph = graphs.Duck(os.path.abspath(sys.argv[2][7:]), os.path.join(folder, "graph.duckdb"))
    else:
        graph = graphs.Neo4j(heddle, os.path.abspath(sys.argv[2]), folder)
    command = [heddle, "run", "job.yaml", *graph.arguments, "--checkpoint", "checkpoint", "--writers", "4", "--batch-rows", "50",
               "--progress", "--json"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NEO4J_")}
    environment["HEDDLE_FAKE_TERMINAL"] = "1"
    progress = os.path.join(folder, "progress")
    kills = 0
    while kills < KILLS:
        # Of six targets' rows: a sixth of what is left, so that each kill falls between the first commit and the last.
        had = run_until(command, folder, environment, progress, rows * 6 // (KILLS + 2))
        if had == FINISHED:
            break
        kills += 1
        print(f"run {kills}: killed with kill -9 after it had written {had:,} rows; the graph holds {graph.written():,} of "
              f"{3 * rows:,} created", flush=True)
    if kills == KILLS:
        run_until(command, folder, environment, progress, float("inf"))
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
