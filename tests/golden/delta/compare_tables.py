#!/usr/bin/env python3
"""Compares the tables in tests/golden/delta/tables, written by delta-rs, with what `heddle cat` reads from them.

    compare_tables.py HEDDLE

Every version that expected.json names is read; its rows must be those that were written, as a multiset.
"""
import json
import os
import subprocess
import sys

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tables")
TIMEOUT_S = 60


def text_of(value):
    return value if value is None or isinstance(value, str) else json.dumps(value)


def rows_of(heddle, table, version):
    done = subprocess.run([heddle, "cat", table, "--version", version], capture_output=True, text=True, timeout=TIMEOUT_S,
                          check=False)
    if "scripts/bootstrap" in done.stderr:
        print(f"skipped: {done.stderr.strip()}")
        sys.exit(77)
    if done.returncode != 0:
        return done.stderr.strip()
    return sorted([[text_of(value) for value in json.loads(line).values()] for line in done.stdout.splitlines()],
                  key=json.dumps)


def main():
    with open(os.path.join(FOLDER, "expected.json"), encoding="utf-8") as file:
        expected = json.load(file)
    compared = failed = 0
    for name, versions in expected.items():
        for version, rows in versions.items():
            seen = rows_of(sys.argv[1], os.path.join(FOLDER, name), version)
            compared += 1
            if seen != rows:
                failed += 1
                print(f"{name} at version {version}:\n  expected {rows}\n  seen     {seen}")
    print(f"{compared - failed} of {compared} versions as written")
    sys.exit(1 if failed or compared == 0 else 0)


if __name__ == "__main__":
    main()
