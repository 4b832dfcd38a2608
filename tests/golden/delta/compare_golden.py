#!/usr/bin/env python3
"""Compares the golden Delta tables with what `heddle cat` reads from them.

    compare_golden.py HEDDLE [GOLDEN_FOLDER]

GOLDEN_FOLDER (../shared/golden/delta beside the checkout where not given) holds NAME.tar.zst: a table as Spark wrote it in
NAME/delta and, where it can be read, its rows in NAME/expected/*.parquet. The expected side is read by pyarrow, another decoder
than heddle's, and compared as a multiset of rows. Tables without expected rows must be refused for the reason below, or are
empty. Exits 77 with the reason where the folder, pyarrow, tar or zstd are missing.
"""
import base64
import collections
import datetime
import decimal
import json
import math
import os
import subprocess
import sys
import tempfile

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
# Interpreters that may have pyarrow where this one has not.
OTHERS = ["build/deps/venv-test/bin/python", "build/deps/venv-bench/bin/python", "build/venv/bin/python"]
EPOCH = datetime.datetime(1970, 1, 1)
TIMEOUT_S = 120

# Tables without expected rows: a part of the refusal, or None where they are empty and that is right.
WITHOUT_ROWS = {
    "canonicalized-paths-normal-a": None,
    "canonicalized-paths-normal-b": None,
    "canonicalized-paths-special-b": None,
    "checkpoint": "which is not there",
    "data-reader-absolute-paths-escaped-chars": "no metaData action",
    "deltalog-commit-info": "no schemaString",
    "deltalog-invalid-protocol-version": "reader version 99",
    "deltalog-state-reconstruction-from-checkpoint-missing-metadata": "no metaData action",
    "deltalog-state-reconstruction-without-metadata": "no metaData action",
    "log-replay-special-characters-b": "special p@#h, which is not there",
    "no-delta-log-folder": "_delta_log is not there",
}


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    for other in OTHERS:
        python = os.path.join(SOURCE, other)
        if os.path.exists(python) and "COMPARE_GOLDEN_TRIED" not in os.environ:
            if subprocess.run([python, "-c", "import pyarrow"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
                os.environ["COMPARE_GOLDEN_TRIED"] = "1"
                os.execv(python, [python, *sys.argv])
    skip("pyarrow is not installed: the expected rows are read with another decoder than heddle's")


def microseconds(moment):
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return (moment - EPOCH) // datetime.timedelta(microseconds=1)


def parse_moment(text):
    """An ISO 8601 date-time as heddle prints it, to microseconds."""
    text = text.removesuffix("Z")
    day, clock = text.split("T")
    year, month, date = day.rsplit("-", 2)
    whole, _, fraction = clock.partition(".")
    parts = [int(part) for part in whole.split(":")] + [0]
    moment = datetime.datetime(int(year), int(month), int(date), parts[0], parts[1], parts[2])
    return microseconds(moment) + int((fraction or "0").ljust(6, "0"))


def number(value):
    """A float as it can stand in JSON: what JSON lacks is null."""
    return value if math.isfinite(value) else None


def key_text(key, kind):
    if pa.types.is_boolean(kind):
        return "true" if key else "false"
    return str(key)


def expected_value(value, kind):
    """A value that pyarrow read, in a form that compares."""
    if value is None:
        return None
    if pa.types.is_struct(kind):
        return tuple(sorted((field.name, expected_value(value[field.name], field.type)) for field in kind))
    if pa.types.is_map(kind):
        return tuple(sorted((key_text(k, kind.key_type), expected_value(v, kind.item_type)) for k, v in value))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return tuple(expected_value(item, kind.value_type) for item in value)
    if pa.types.is_timestamp(kind):
        return microseconds(value)
    if pa.types.is_floating(kind):
        return number(value)
    return value


def our_value(value, kind):
    """A value of a JSON line, in the same form, by the type that pyarrow has for it."""
    if value is None:
        return None
    if pa.types.is_struct(kind):
        if sorted(value) != sorted(field.name for field in kind):
            raise ValueError(f"the fields {sorted(value)} are not those of {kind}")
        return tuple(sorted((field.name, our_value(value[field.name], field.type)) for field in kind))
    if pa.types.is_map(kind):
        return tuple(sorted((k, our_value(v, kind.item_type)) for k, v in value.items()))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return tuple(our_value(item, kind.value_type) for item in value)
    if pa.types.is_timestamp(kind):
        return parse_moment(value)
    if pa.types.is_date(kind):
        return datetime.date.fromisoformat(value)
    if pa.types.is_decimal(kind):
        return decimal.Decimal(value)
    if pa.types.is_binary(kind):
        return base64.b64decode(value, validate=True)
    return value


def nests(kind):
    """True for what heddle has no column for: it comes as JSON text."""
    def scalar(inner):
        return not pa.types.is_nested(inner)
    if pa.types.is_map(kind):
        return not (scalar(kind.key_type) and scalar(kind.item_type))
    return (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and not scalar(kind.value_type)


def flatten(name, value, kind):
    """(column, value, type) of every leaf: structs become `outer.inner`."""
    if not pa.types.is_struct(kind):
        return [(name, value, kind)]
    leaves = []
    for field in kind:
        leaves += flatten(f"{name}.{field.name}", None if value is None else value[field.name], field.type)
    return leaves


def rows_expected(folder):
    rows = collections.Counter()
    kinds = {}
    for file in sorted(os.listdir(folder)):
        if file.endswith(".parquet"):
            table = pq.ParquetFile(os.path.join(folder, file), coerce_int96_timestamp_unit="us").read()
            for row in table.to_pylist():
                leaves = [leaf for field in table.schema for leaf in flatten(field.name, row[field.name], field.type)]
                kinds.update({name: kind for name, _, kind in leaves})
                rows[tuple(sorted((name, expected_value(value, kind)) for name, value, kind in leaves))] += 1
    return rows, kinds


def rows_ours(heddle, table, kinds):
    done = subprocess.run([heddle, "cat", table], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise ValueError(done.stderr.strip())
    rows = collections.Counter()
    for line in done.stdout.splitlines():
        row = json.loads(line)
        if kinds and sorted(row) != sorted(kinds):
            raise ValueError(f"the columns {sorted(row)} are not {sorted(kinds)}")
        values = []
        for name, value in row.items():
            if value is not None and nests(kinds[name]):
                value = json.loads(value)
            values.append((name, our_value(value, kinds[name])))
        rows[tuple(sorted(values))] += 1
    return rows


def compare(heddle, folder, name):
    """A sentence about what is wrong with a table, or None."""
    table = os.path.join(folder, name, "delta")
    expected_folder = os.path.join(folder, name, "expected")
    if not os.path.isdir(expected_folder):
        return compare_refusal(heddle, table, name)
    expected, kinds = rows_expected(expected_folder)
    try:
        ours = rows_ours(heddle, table, kinds)
    except (ValueError, KeyError) as reason:
        return str(reason)
    if ours == expected:
        compare.rows += sum(ours.values())
        return None
    missing, extra = expected - ours, ours - expected
    text = f"{sum(missing.values())} rows are missing and {sum(extra.values())} too many"
    for title, rows in (("missing", missing), ("too many", extra)):
        text += "".join(f"\n    {title}: {row}" for row in list(rows)[:1])
    return text


compare.rows = 0


def compare_refusal(heddle, table, name):
    if name not in WITHOUT_ROWS:
        return "it has no expected rows, and this test does not know how it should be refused"
    done = subprocess.run([heddle, "cat", table, "--type", "delta"], capture_output=True, text=True, timeout=TIMEOUT_S,
                          check=False)
    reason = WITHOUT_ROWS[name]
    if reason is None:
        return None if done.returncode == 0 and done.stdout == "" else f"should be empty: {done.stdout}{done.stderr}"
    if done.returncode != 3 or reason not in done.stderr:
        return f"should be refused with `{reason}` and exit code 3, not {done.returncode}: {done.stdout[:200]}{done.stderr}"
    return None


def main():
    heddle = sys.argv[1]
    golden = sys.argv[2] if len(sys.argv) > 2 else os.path.join(SOURCE, "..", "shared", "golden", "delta")
    if not os.path.isdir(golden):
        skip(f"the golden tables are not there: {golden}")
    archives = sorted(file for file in os.listdir(golden) if file.endswith(".tar.zst"))
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for archive in archives:
            packed = os.path.join(golden, archive)
            try:
                done = subprocess.run(["tar", "--zstd", "-xf", packed, "-C", folder], capture_output=True, text=True,
                                      check=False)
            except FileNotFoundError:
                skip("tar is not installed")
            if done.returncode != 0:
                skip(f"tar cannot unpack {archive}: {done.stderr.strip()}")
            name = archive.removesuffix(".tar.zst")
            wrong = compare(heddle, folder, name)
            failed += wrong is not None
            print(f"{'ok    ' if wrong is None else 'FAILED'} {name}{'' if wrong is None else ': ' + wrong}")
    print(f"{len(archives) - failed} of {len(archives)} golden tables as expected, {compare.rows} rows equal")
    if not archives:
        print("no golden tables found")
    sys.exit(1 if failed or not archives else 0)


if __name__ == "__main__":
    main()
