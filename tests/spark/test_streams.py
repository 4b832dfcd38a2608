#!/usr/bin/env python3
"""test_streams.py HEDDLE [SCENARIO]: checkpoints that real Spark and heddle write of the same streams, and hand to each other.

Each scenario is streamed twice over the same table: by Spark, and by `heddle run` into a DuckDB file. Offsets must be equal line by
line. Then one engine stops half way and the other goes on with its checkpoint: no row twice, none missing.
Prints `N passed, 0 failed` at the end. Exit code 77: Spark is not there.
"""
import ctypes
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import sparklib

passed = 0
failed = 0


def claim(text, holds, *seen):
    global passed, failed
    print(f"{'holds' if holds else 'DOES NOT HOLD'}: {text}", *([] if holds else seen), flush=True)
    passed += holds
    failed += not holds


# ---- the two engines ----

class Stopped(Exception):
    pass


def spark_stream(spark, kind, table, checkpoint, stop_at=None, schema=None, **options):
    """The ids of each batch that Spark makes; with stop_at the batch of that number fails, as a job that is killed in it would."""
    batches = {}

    def take(frame, number):
        if number == stop_at:
            raise Stopped()
        if "_change_type" in frame.columns:
            frame = frame.where("_change_type IN ('insert', 'update_postimage')")
        batches[number] = sorted(row[0] for row in frame.select("id").collect())

    reader = spark.readStream.format(kind)
    for name, value in options.items():
        reader = reader.option(name, str(value))
    if schema:
        reader = reader.schema(schema)
    query = (reader.load(str(table)).writeStream.foreachBatch(take).option("checkpointLocation", str(checkpoint))
             .trigger(availableNow=True).start())
    try:
        query.awaitTermination()
    except Exception:  # what Python raises in a batch comes back as an error of Spark
        if stop_at is None:
            raise
    query.stop()
    return batches


class Heddle:
    def __init__(self, command, folder):
        self.command = command
        self.folder = pathlib.Path(folder)
        self.graph = None  # of the last run: each checkpoint has a file of its own, as they belong together
        self.told = {}     # by file: how many of its rows ids() has answered

    def run(self, kind, table, checkpoint, *flags, code=0, merge=False, on_delete=None, **settings):
        """Loads with heddle; answers its receipt, or what it said where it is to fail."""
        job = self.folder / "stream.json"
        self.graph = self.folder / f"{pathlib.Path(checkpoint).name}.duckdb"
        source = {"name": "stream", "type": {"json": "jsonl"}.get(kind, kind), "path": str(table), **{k: str(v) for k, v in settings.items()}}
        node = {"name": "row", "source": "stream", "labels": ["Row"], "write_mode": "create",
                "properties": [{"source_field": "id", "target_property": "id", "target_property_type": "integer"}]}
        if merge:
            node["write_mode"] = "merge"
            node["schema"] = {"unique_constraints": [{"name": "row_id", "label": "Row", "properties": ["id"]}]}
        if on_delete:
            node["on_delete"] = on_delete
        job.write_text(json.dumps({"version": "1", "sources": [source], "targets": {"nodes": [node]}}))
        done = subprocess.run([self.command, "run", str(job), "--to", f"duckdb:{self.graph}", "--checkpoint", str(checkpoint), "--json",
                               *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=300)
        if done.returncode != code:
            raise RuntimeError(f"heddle ended with {done.returncode}: {done.stderr}")
        return json.loads(done.stdout) if code == 0 else done.stderr

    def ids(self):
        """The ids that the runs with the last checkpoint loaded since the last call, sorted, each as often as it is in the graph."""
        ids = duckdb_numbers(self.graph, 'SELECT id FROM "Row" ORDER BY rowid')
        before = self.told.get(self.graph, 0)
        self.told[self.graph] = len(ids)
        return sorted(ids[before:])


class Result(ctypes.Structure):
    _fields_ = [("columns", ctypes.c_uint64), ("rows", ctypes.c_uint64), ("changed", ctypes.c_uint64),
                ("data", ctypes.c_void_p), ("message", ctypes.c_char_p), ("internal", ctypes.c_void_p)]


def duckdb_numbers(path, query):
    """The first column of a query's answer, through the library that heddle itself uses: no Python package is needed."""
    library = ctypes.CDLL(str(next((sparklib.ROOT / "build" / "deps" / "duckdb").rglob("libduckdb.so"))))
    library.duckdb_value_int64.restype = ctypes.c_int64
    library.duckdb_row_count.restype = ctypes.c_uint64
    database, connection, result = ctypes.c_void_p(), ctypes.c_void_p(), Result()
    if library.duckdb_open(str(path).encode(), ctypes.byref(database)) or library.duckdb_connect(database, ctypes.byref(connection)):
        raise RuntimeError(f"{path} cannot be opened")
    if library.duckdb_query(connection, query.encode(), ctypes.byref(result)):
        raise RuntimeError(f"{query} failed")
    rows = library.duckdb_row_count(ctypes.byref(result))
    numbers = [library.duckdb_value_int64(ctypes.byref(result), ctypes.c_uint64(0), ctypes.c_uint64(row)) for row in range(rows)]
    library.duckdb_destroy_result(ctypes.byref(result))
    library.duckdb_disconnect(ctypes.byref(connection))
    library.duckdb_close(ctypes.byref(database))
    return numbers


def offsets(checkpoint):
    """{batch: its offset line}, checked for what every file of both logs looks like."""
    lines = {}
    for file in (pathlib.Path(checkpoint) / "offsets").iterdir():
        if file.name.isdigit():
            text = file.read_text(encoding="utf-8")
            parts = text.split("\n")
            if len(parts) != 3 or parts[0] != "v1" or set(json.loads(parts[1])) != {"batchWatermarkMs", "batchTimestampMs", "conf"}:
                raise RuntimeError(f"{file}: {text!r}")
            lines[int(file.name)] = parts[2]
    return lines


def commits(checkpoint):
    return {int(file.name): file.read_text(encoding="utf-8")
            for file in (pathlib.Path(checkpoint) / "commits").iterdir() if file.name.isdigit()}


# ---- tables ----

def append(spark, table, first, last, files=1, mode="append", **options):
    frame = spark.range(first, last, numPartitions=files).selectExpr("id", "concat('text ', id) AS text")
    writer = frame.write.format("delta").mode(mode)
    for name, value in options.items():
        writer = writer.option(name, value)
    writer.save(str(table))


def flat(batches):
    return sorted(number for ids in batches.values() for number in ids)


# ---- scenarios ----

def same_offsets(spark, heddle, folder, name, table, expected, **options):
    """Both engines stream a table from the beginning: equal offsets, equal rows."""
    by_spark, by_heddle = folder / f"{name}-spark", folder / f"{name}-heddle"
    batches = spark_stream(spark, "delta", table, by_spark, **options)
    heddle.run("delta", table, by_heddle, **options)
    claim(f"{name}: the {len(batches)} offsets of Spark and of heddle are equal", offsets(by_spark) == offsets(by_heddle),
          offsets(by_spark), offsets(by_heddle))
    claim(f"{name}: both read the same rows", heddle.ids() == flat(batches) == expected, flat(batches))
    claim(f"{name}: commits are equal", commits(by_spark) == commits(by_heddle))
    return by_spark, by_heddle


def delta_table(spark, folder):
    """Three versions with several files, one without any change of data, and a last one."""
    table = folder / "appended"
    append(spark, table, 0, 100, files=4)
    append(spark, table, 100, 160, files=3)
    spark.sql(f"OPTIMIZE delta.`{table}`")
    append(spark, table, 160, 200, files=2)
    return table


def scenario_delta(spark, heddle, folder):
    table = delta_table(spark, folder)
    for limit in (1, 2, 1000):
        same_offsets(spark, heddle, folder, f"files-{limit}", table, list(range(200)), maxFilesPerTrigger=limit)
    same_offsets(spark, heddle, folder, "bytes", table, list(range(200)), maxBytesPerTrigger="2000b")
    same_offsets(spark, heddle, folder, "from-version-1", table, list(range(100, 200)), startingVersion=1, maxFilesPerTrigger=1)
    same_offsets(spark, heddle, folder, "exclude", table, [n for n in range(200) if n < 0], excludeRegex="part-")


def scenario_takeover(spark, heddle, folder):
    """Spark stops, heddle goes on; heddle stops, Spark goes on; and back."""
    table, checkpoint = folder / "taken", folder / "taken-checkpoint"
    append(spark, table, 0, 60, files=6)
    seen = flat(spark_stream(spark, "delta", table, checkpoint, stop_at=2, maxFilesPerTrigger=1))
    said = heddle.run("delta", table, checkpoint, code=5, maxFilesPerTrigger=1)
    claim("a batch that Spark left half done is refused where rows are created", "Spark began batch 2" in said, said)
    seen += flat(spark_stream(spark, "delta", table, checkpoint, maxFilesPerTrigger=2))
    claim("Spark finishes it itself", sorted(seen) == list(range(60)), sorted(seen))
    append(spark, table, 60, 100, files=4)
    heddle.run("delta", table, checkpoint, "--limit", "15", maxFilesPerTrigger=1)
    heddle.run("delta", table, checkpoint, maxFilesPerTrigger=1)
    claim("heddle goes on where Spark stopped, and stops and goes on within a batch", heddle.ids() == list(range(60, 100)))
    claim("heddle's batches follow Spark's", max(offsets(checkpoint)) == max(commits(checkpoint)) > 4)
    append(spark, table, 100, 130, files=3)
    seen = spark_stream(spark, "delta", table, checkpoint, maxFilesPerTrigger=2)
    claim("Spark goes on where heddle stopped", flat(seen) == list(range(100, 130)), seen)
    claim("Spark's batches follow heddle's", min(seen) == max(offsets(checkpoint)) - len(seen) + 1)
    claim("and with nothing new neither does anything", spark_stream(spark, "delta", table, checkpoint) == {} and
          heddle.run("delta", table, checkpoint)["micro_batches"] == 0)


def scenario_odd_names(spark, heddle, folder):
    """Equal modification times and partitions with characters that a path encodes: the order of files is Spark's."""
    table = folder / "odd"
    (spark.range(0, 40).selectExpr("id", "element_at(array('a b', 'a+b', 'ab', 'a%b', 'ä', 'Z', 'a/b', '='), cast(id % 8 AS INT) + 1) AS part")
     .write.format("delta").partitionBy("part").save(str(table)))
    log = table / "_delta_log" / f"{0:020d}.json"
    lines = []
    for line in log.read_text(encoding="utf-8").splitlines():
        action = json.loads(line)
        if "add" in action:
            action["add"]["modificationTime"] = 1700000000000
        lines.append(json.dumps(action))
    log.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for stale in (table / "_delta_log").glob(".*.crc"):
        stale.unlink()
    by_spark, by_heddle = folder / "odd-spark", folder / "odd-heddle"
    batches = spark_stream(spark, "delta", table, by_spark, maxFilesPerTrigger=1)
    heddle.run("delta", table, by_heddle, maxFilesPerTrigger=1)
    claim("odd names: equal offsets", offsets(by_spark) == offsets(by_heddle))
    claim("odd names: equal rows", heddle.ids() == flat(batches) == list(range(40)))
    # Batch by batch: the checkpoint says that all before batch N is done.
    same = True
    for number in sorted(batches):
        step = folder / f"odd-step-{number}"
        shutil.copytree(by_spark, step)
        for log_name in ("offsets", "commits"):
            for file in (step / log_name).iterdir():
                kept = int(file.name) <= number - (log_name == "commits") if file.name.isdigit() else False
                if not kept:
                    file.unlink()
        (step / "progress").write_text(json.dumps({"format": 1, "batch": number, "rows": 0, "parts": 0}))
        heddle.run("delta", table, step, "--limit", str(len(batches[number])), maxFilesPerTrigger=1)
        same = same and heddle.ids() == batches[number]
    claim("odd names: each batch holds the same rows", same)


def scenario_changes(spark, heddle, folder):
    """DELETE, UPDATE and overwrite under each policy, and their refusals."""
    table = folder / "changed"
    append(spark, table, 0, 3)
    spark.sql(f"DELETE FROM delta.`{table}`")
    append(spark, table, 3, 5)
    append(spark, table, 5, 8, mode="overwrite")
    append(spark, table, 8, 10)
    same_offsets(spark, heddle, folder, "skipChangeCommits", table, [0, 1, 2, 3, 4, 8, 9], startingVersion=0, maxFilesPerTrigger=1,
                 skipChangeCommits="true")
    same_offsets(spark, heddle, folder, "ignoreChanges", table, list(range(10)), startingVersion=0, maxFilesPerTrigger=1,
                 ignoreChanges="true")
    said = heddle.run("delta", table, folder / "refused", code=3, startingVersion=0)
    claim("a deletion is refused without a policy", "version 1 of the table deletes rows" in said, said)
    said = heddle.run("delta", table, folder / "refused-2", code=3, startingVersion=0, ignoreDeletes="true")
    claim("an overwrite is refused where only deletions may pass", "version 3 of the table changes rows" in said, said)


def scenario_change_feed(spark, heddle, folder):
    """A table with Change Data Feed: updates and inserts of a MERGE come as they are now, in Spark's batches; deletes delete."""
    for name, properties in (("feed", ""), ("feed-vectors", ", 'delta.enableDeletionVectors' = 'true'")):
        table = folder / name
        spark.sql(f"CREATE TABLE delta.`{table}` (id LONG, text STRING) USING delta "
                  f"TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true'{properties})")
        append(spark, table, 0, 10, files=2)
        spark.sql(f"UPDATE delta.`{table}` SET id = id + 100 WHERE id < 3")
        append(spark, table, 10, 14, files=2)
        spark.sql(f"MERGE INTO delta.`{table}` AS t USING (SELECT id, 'new' AS text FROM range(8, 20)) AS s ON t.id = s.id "
                  "WHEN MATCHED THEN UPDATE SET text = s.text WHEN NOT MATCHED THEN INSERT *")
        for limit in (1, 3):
            options = {"readChangeFeed": "true", "startingVersion": 0, "maxFilesPerTrigger": limit}
            by_spark, by_heddle = folder / f"{name}-{limit}-spark", folder / f"{name}-{limit}-heddle"
            batches = spark_stream(spark, "delta", table, by_spark, **options)
            heddle.run("delta", table, by_heddle, merge=True, on_delete="keep", **options)
            claim(f"{name}, {limit} files: equal offsets", offsets(by_spark) == offsets(by_heddle), offsets(by_spark), offsets(by_heddle))
            claim(f"{name}, {limit} files: the rows as they are now", heddle.ids() == sorted(set(flat(batches))), flat(batches))
        spark.sql(f"DELETE FROM delta.`{table}` WHERE id = 5")
        said = heddle.run("delta", table, by_heddle, code=3, merge=True, **options)
        claim(f"{name}: a deletion is refused", "on_delete: delete" in said and "ignoreDeletes" in said, said)
        heddle.run("delta", table, by_heddle, merge=True, on_delete="delete", **options)
        left = duckdb_numbers(heddle.graph, 'SELECT id FROM "Row" ORDER BY id')
        claim(f"{name}: a deletion deletes", left == [id for id in sorted(set(flat(batches))) if id != 5], left)
        said = heddle.run("delta", table, folder / f"{name}-create", code=2, readChangeFeed="true")
        claim(f"{name}: a job that creates is refused", "write_mode: merge" in said, said)


def scenario_files(spark, heddle, folder, kind):
    """A folder of files: Spark's log of it is read, gone on with, and given back."""
    data, checkpoint = folder / f"{kind}-data", folder / f"{kind}-checkpoint"
    data.mkdir()

    def write(number, first, last):
        path = data / f"file {number}.{ {'json': 'jsonl'}.get(kind, kind) }"
        part = folder / f"{kind}-part-{number}"
        frame = spark.range(first, last, numPartitions=1)
        (frame.write.option("header", True).format(kind).save(str(part)))
        shutil.copy(next(part.glob("part-*")), path)
        os.utime(path, (1700000000 + number, 1700000000 + number))

    options = {"maxFilesPerTrigger": 1}
    spark_options = dict(options, header="true") if kind == "csv" else options
    for number in range(4):
        write(number, number * 10, number * 10 + 10)
    seen = spark_stream(spark, kind, data, checkpoint, schema="id LONG", **spark_options)
    twin = folder / f"{kind}-twin"
    heddle.run(kind, data, twin, **options)
    claim(f"{kind}: offsets of a folder are equal", offsets(checkpoint) == offsets(twin), offsets(checkpoint), offsets(twin))
    claim(f"{kind}: both read the same rows", heddle.ids() == flat(seen) == list(range(40)))
    logs = [{file.name: file.read_text(encoding="utf-8") for file in (place / "sources" / "0").iterdir() if file.name[0] != "."}
            for place in (checkpoint, twin)]
    claim(f"{kind}: the log of files is equal", logs[0] == logs[1], logs)
    for number in range(4, 12):
        write(number, number * 10, number * 10 + 10)
    heddle.run(kind, data, checkpoint, **options)
    claim(f"{kind}: heddle goes on where Spark stopped", heddle.ids() == list(range(40, 120)))
    claim(f"{kind}: the tenth entry is compacted", (checkpoint / "sources" / "0" / "9.compact").exists())
    write(12, 120, 130)
    seen = spark_stream(spark, kind, data, checkpoint, schema="id LONG", **spark_options)
    claim(f"{kind}: Spark goes on where heddle stopped", flat(seen) == list(range(120, 130)), seen)


def main():
    sparklib.run_in_spark()
    command = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory(prefix="heddle-spark-") as name:
        folder = pathlib.Path(name)
        spark = sparklib.session("streams", folder)
        heddle = Heddle(command, folder)
        if len(sys.argv) > 2:  # one scenario, by name
            globals()[f"scenario_{sys.argv[2]}"](spark, heddle, folder)
            print(f"{passed} passed, {failed} failed")
            sys.exit(1 if failed else 0)
        scenario_delta(spark, heddle, folder)
        scenario_takeover(spark, heddle, folder)
        scenario_odd_names(spark, heddle, folder)
        scenario_changes(spark, heddle, folder)
        scenario_change_feed(spark, heddle, folder)
        for kind in ("csv", "json", "parquet"):
            scenario_files(spark, heddle, folder, kind)
        spark.stop()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
