#!/usr/bin/env python3
"""test_generated_table.py HEDDLE: a table from `heddle generate removals --format delta`, as real Spark with Delta reads it.

Spark's rows are compared one by one with those of the Parquet file that the same seed gives; every version is counted; the log's own
statistics must not make Spark skip a row; and Spark must be able to append, after which heddle reads all of it.
Prints `N passed, 0 failed` at the end. Exit code 77: Spark is not there.
"""
import datetime
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import sparklib

ROWS, COMMITS, FILES = 5000, 5, 3
ID = ":ID(RemovalEvent)"
passed = 0


def claim(text, holds):
    global passed
    if not holds:
        print(f"does not hold: {text}")
        print(f"{passed} passed, 1 failed")
        sys.exit(1)
    print(f"holds: {text}")
    passed += 1


def rows_of(frame):
    return [tuple(row) for row in frame.orderBy(f"`{ID}`").collect()]


def stream_ids(spark, table, folder, **options):
    """What a stream with `options` gives: the number of batches and the sorted ids."""
    ids, batches = [], []

    def take(frame, number):
        batches.append(number)
        ids.extend(row[0] for row in frame.select(f"`{ID}`").collect())

    reader = spark.readStream.format("delta")
    for name, value in options.items():
        reader = reader.option(name, value)
    (reader.load(table).writeStream.foreachBatch(take).option("checkpointLocation", str(folder))
     .trigger(availableNow=True).start().awaitTermination())
    return len(batches), sorted(ids)


def compare_tables(spark, table, parquet):
    ours = spark.read.format("delta").load(table)
    twin = spark.read.parquet(parquet)
    claim("columns and types are those of the Parquet file", ours.dtypes == twin.dtypes)
    rows = rows_of(ours)
    claim(f"all {ROWS} rows are equal, one by one", len(rows) == ROWS and rows == rows_of(twin))
    for version in range(COMMITS):
        count = spark.read.format("delta").option("versionAsOf", version).load(table).count()
        claim(f"version {version} has its share of the rows", count == ROWS * (version + 1) // COMMITS)
    # Data skipping: a bound that is too tight would lose rows.
    for name, get in ((ID, 0), ("RMV_REA_TX", 1), ("aircraft_id", 4), ("removal_date", 5)):
        values = sorted({row[get] for row in rows if row[get] is not None})
        wanted = [values[0], values[len(values) // 2], values[-1]]
        for value in wanted:
            found = ours.where(ours[f"`{name}`"] == value).count()
            claim(f"`{name}` = {str(value)[:20]!r} finds what is there", found == sum(row[get] == value for row in rows))
    nulls = ours.where("RMV_REA_TX IS NULL").count()
    claim("missing texts are found", nulls == sum(row[1] is None for row in rows) and nulls > 0)


def check_history(spark, table):
    history = spark.sql(f"DESCRIBE HISTORY delta.`{table}`").collect()
    claim("the history has every commit", [row["version"] for row in history] == list(range(COMMITS - 1, -1, -1)))
    claim("it says how many rows each wrote",
          all(int(row["operationMetrics"]["numOutputRows"]) == ROWS // COMMITS for row in history))
    detail = spark.sql(f"DESCRIBE DETAIL delta.`{table}`").collect()[0]
    claim("it has all its files", detail["numFiles"] == COMMITS * FILES)
    claim("reader version 2, writer version 5", (detail["minReaderVersion"], detail["minWriterVersion"]) == (2, 5))


def cat(heddle, table, *more):
    run = subprocess.run([heddle, "cat", table, *more], check=True, stdout=subprocess.PIPE)
    return [json.loads(line) for line in run.stdout.splitlines()]


def check_append(spark, heddle, table):
    """Spark writes to our table, under our physical names; its rows and ours are read by us."""
    more = [(ROWS + 1, "PUMP LEAKS, REPLACED", "T1", "CMP-1", "N1", datetime.date(2024, 2, 29)),
            (ROWS + 2, None, None, None, None, None)]
    schema = spark.read.format("delta").load(table).schema
    spark.createDataFrame(more, schema).coalesce(1).write.format("delta").mode("append").save(table)
    rows = {row[ID]: row for row in cat(heddle, table)}
    claim("Spark can append", len(rows) == ROWS + 2)
    claim("what it wrote is read by heddle, nulls and dates too",
          list(rows[ROWS + 1].values()) == [ROWS + 1, "PUMP LEAKS, REPLACED", "T1", "CMP-1", "N1", "2024-02-29"]
          and list(rows[ROWS + 2].values()) == [ROWS + 2] + [None] * 5)
    claim("and the version before is as it was", len(cat(heddle, table, "--version", str(COMMITS - 1))) == ROWS)
    spark.sql(f"DELETE FROM delta.`{table}` WHERE `{ID}` <= 100")
    claim("Spark can delete, and heddle sees it",
          sorted(row[ID] for row in cat(heddle, table)) == list(range(101, ROWS + 3)))
    spark.sql(f"OPTIMIZE delta.`{table}`")
    claim("Spark can rewrite all of it, and heddle reads the same",
          sorted(row[ID] for row in cat(heddle, table)) == list(range(101, ROWS + 3)))


def main():
    heddle = str(pathlib.Path(sys.argv[1]).resolve())
    sparklib.run_in_spark()
    with tempfile.TemporaryDirectory(prefix="heddle-spark-") as folder:
        place = pathlib.Path(folder)
        table, parquet = str(place / "removals"), str(place / "removals.parquet")
        generate = [heddle, "generate", "removals", "--rows", str(ROWS), "--quiet", "-o"]
        subprocess.run([*generate, table, "--format", "delta", "--commits", str(COMMITS), "--files-per-commit", str(FILES)],
                       check=True, stdout=subprocess.DEVNULL)
        subprocess.run([*generate, parquet], check=True, stdout=subprocess.DEVNULL)
        spark = sparklib.session("generated table", place)
        compare_tables(spark, table, parquet)
        check_history(spark, table)
        everything = list(range(1, ROWS + 1))
        claim("a stream of one file a batch gives every row once",
              stream_ids(spark, table, place / "c1", maxFilesPerTrigger=1) == (COMMITS * FILES, everything))
        claim("a stream from version 0 follows the commits",
              stream_ids(spark, table, place / "c2", startingVersion=0, maxFilesPerTrigger=FILES) == (COMMITS, everything))
        check_append(spark, heddle, table)
        spark.stop()
    print(f"{passed} passed, 0 failed")


if __name__ == "__main__":
    main()
