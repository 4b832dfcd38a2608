#!/usr/bin/env python3
"""Makes small Delta tables with deltalake (delta-rs), a writer that shares nothing with heddle: tests/golden/delta/tables.

    make_delta_fixtures.py FOLDER

Needs deltalake and pyarrow from PyPI. Each table is FOLDER/NAME, and FOLDER/expected.json holds {NAME: {VERSION: rows}} for some
versions, each row a list of texts in column order (null for null), rows sorted; written from what went in, never from reading back.
File names and times differ from run to run; rows do not.
"""
import datetime
import decimal
import json
import os
import shutil
import sys

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake


def numbers(first, last):
    return pa.table({"n": pa.array(range(first, last), pa.int64()),
                     "s": pa.array([f"text {i}" if i % 3 else None for i in range(first, last)], pa.string())})


def number_rows(*ranges):
    return [[str(i), f"text {i}" if i % 3 else None] for first, last in ranges for i in range(first, last)]


def appends(path):
    """Three appends, a delete that rewrites a file, an overwrite."""
    for first in (0, 5, 10):
        write_deltalake(path, numbers(first, first + 5), mode="append")
    DeltaTable(path).delete("n = 7")
    write_deltalake(path, numbers(20, 22), mode="overwrite")
    return {1: number_rows((0, 10)), 2: number_rows((0, 15)), 3: number_rows((0, 7), (8, 15)), 4: number_rows((20, 22))}


def checkpoint(path):
    """A checkpoint at version 3, commits behind it, and those before it cleaned away."""
    for i in range(4):
        write_deltalake(path, numbers(i, i + 1), mode="append")
    DeltaTable(path).create_checkpoint()
    write_deltalake(path, numbers(4, 5), mode="append")
    for version in range(3):
        os.unlink(os.path.join(path, "_delta_log", f"{version:020d}.json"))
    return {3: number_rows((0, 4)), 4: number_rows((0, 5))}


def partitions(path):
    """Partition columns of several types, nulls, and text that must be escaped in a path."""
    texts = ["plain", "a b/c=d%20", "Zürich", None]
    table = pa.table({
        "n": pa.array(range(4), pa.int32()),
        "text": pa.array(texts, pa.string()),
        "day": pa.array([datetime.date(2024, 5, 1)] * 2 + [None] * 2, pa.date32()),
        "flag": pa.array([True, False, None, True], pa.bool_()),
    })
    write_deltalake(path, table, partition_by=["text", "day", "flag"])
    days = ["2024-05-01", "2024-05-01", None, None]
    flags = ["true", "false", None, "true"]
    return {0: [[str(i), texts[i], days[i], flags[i]] for i in range(4)]}


def new_columns(path):
    """A column that older files lack, and types of every kind."""
    write_deltalake(path, pa.table({"n": pa.array([1], pa.int64())}))
    table = pa.table({
        "n": pa.array([2], pa.int64()),
        "m": pa.array([decimal.Decimal("-12.30")], pa.decimal128(10, 2)),
        "t": pa.array([datetime.datetime(2024, 5, 1, 10, 0, 0, 123456)], pa.timestamp("us", "UTC")),
        "b": pa.array([b"\x00\xff"], pa.binary()),
        "f": pa.array([0.5], pa.float32()),
    })
    write_deltalake(path, table, mode="append", schema_mode="merge")
    return {0: [["1"]], 1: [["1", None, None, None, None],
                            ["2", "-12.30", "2024-05-01T10:00:00.123456Z", "AP8=", "0.5"]]}


def main():
    folder = sys.argv[1]
    expected = {}
    for make in (appends, checkpoint, partitions, new_columns):
        path = os.path.join(folder, make.__name__)
        shutil.rmtree(path, ignore_errors=True)
        rows = make(path)
        expected[make.__name__] = {str(version): sorted(value, key=json.dumps) for version, value in rows.items()}
    with open(os.path.join(folder, "expected.json"), "w", encoding="utf-8") as file:
        json.dump(expected, file, indent=1, ensure_ascii=False, sort_keys=True)
        file.write("\n")


if __name__ == "__main__":
    main()
