#!/usr/bin/env python3
"""Compares a table from `heddle generate --format delta`, as delta-rs reads it, with the Parquet file of the same seed.

    compare_generated.py HEDDLE

Needs deltalake and pyarrow: this Python's own, or those of the benchmarks (build/deps/venv-bench). Exit code 77: neither has them.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
OTHER_PYTHON = ROOT / "build" / "deps" / "venv-bench" / "bin" / "python"
ROWS, COMMITS = 3000, 4
ID = ":ID(RemovalEvent)"

try:
    import deltalake
    import pyarrow
    import pyarrow.parquet
except ImportError:
    if OTHER_PYTHON.exists() and os.environ.get("HEDDLE_OTHER_PYTHON") != "1":
        os.execve(OTHER_PYTHON, [str(OTHER_PYTHON), *sys.argv], dict(os.environ, HEDDLE_OTHER_PYTHON="1"))
    print("skipped: neither this Python nor build/deps/venv-bench has deltalake and pyarrow")
    sys.exit(77)


def generate(heddle, path, *more):
    done = subprocess.run([heddle, "generate", "removals", "--rows", str(ROWS), "--quiet", "-o", path, *more],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if "scripts/bootstrap" in done.stderr:
        print(f"skipped: {done.stderr.strip()}")
        sys.exit(77)
    if done.returncode != 0:
        sys.exit(done.stderr)


def rows_of(table, query):
    builder = deltalake.QueryBuilder().register("t", table)
    return pyarrow.table(builder.execute(query).read_all()).to_pylist()


def main():
    failed = 0
    with tempfile.TemporaryDirectory(prefix="heddle-delta-") as folder:
        path, parquet = os.path.join(folder, "t"), os.path.join(folder, "t.parquet")
        generate(sys.argv[1], path, "--format", "delta", "--commits", str(COMMITS))
        generate(sys.argv[1], parquet)
        everything = pyarrow.parquet.read_table(parquet).to_pylist()
        for version in range(COMMITS):
            seen = rows_of(deltalake.DeltaTable(path, version=version), f'SELECT * FROM t ORDER BY "{ID}"')
            wanted = everything[:ROWS * (version + 1) // COMMITS]
            if seen != wanted:
                print(f"version {version}: {len(seen)} rows differ from the {len(wanted)} of the Parquet file")
                failed += 1
        # Its planner skips files by our statistics: none may be skipped that holds what is asked for.
        newest = deltalake.DeltaTable(path)
        for row in everything[:: ROWS // 20]:
            name, value = ("RMV_REA_TX", row["RMV_REA_TX"]) if row["RMV_REA_TX"] else ("aircraft_id", row["aircraft_id"])
            quoted = value.replace("'", "''")
            seen = rows_of(newest, f"""SELECT "{ID}" AS id FROM t WHERE "{name}" = '{quoted}'""")
            if row[ID] not in {one["id"] for one in seen}:
                print(f"row {row[ID]} is not found by its {name}")
                failed += 1
    print(f"{COMMITS + 20 - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
