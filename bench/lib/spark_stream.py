#!/usr/bin/env python3
"""spark_stream.py TABLE ROUNDS FOLDER: a Delta table through Spark's readStream, all columns, into a sink that drops the rows.

Runs in Spark's own Python, with the memory that Spark gives itself by default (1 GB of heap). Lines of JSON: one a round, {"rows",
"seconds" from start() until the stream has ended, "batch_seconds" that Spark says its batches took}; the last one has the versions and
the largest resident sets of the Java and the Python process.
"""
import json
import pathlib
import resource
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "spark"))
import sparklib


def stream(spark, table, checkpoint):
    """What one pass was. The no-op sink takes every column of every row, which a count would not."""
    def drop(frame, number):
        frame.write.format("noop").mode("append").save()

    start = time.monotonic()
    query = (spark.readStream.format("delta").load(table).writeStream.foreachBatch(drop)
             .option("checkpointLocation", str(checkpoint)).trigger(availableNow=True).start())
    query.awaitTermination()
    seconds = time.monotonic() - start
    batches = query.recentProgress
    return {"rows": sum(batch["numInputRows"] for batch in batches), "seconds": seconds,
            "batch_seconds": sum(batch["durationMs"].get("addBatch", 0) for batch in batches) / 1e3}


def resident_kb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1])
    return 0


def main():
    table, rounds, folder = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])
    start = time.monotonic()
    spark = sparklib.session("bench source", folder)
    spark.range(1).count()
    print(json.dumps({"session_s": time.monotonic() - start}), flush=True)
    for number in range(rounds):
        print(json.dumps(stream(spark, table, folder / f"checkpoint-{number}")), flush=True)
    java = spark.sparkContext._gateway.proc.pid
    print(json.dumps({"spark": spark.version, "java": spark._jvm.System.getProperty("java.version"),
                      "java_rss_bytes": resident_kb(java) * 1024,
                      "python_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}), flush=True)
    spark.stop()


if __name__ == "__main__":
    main()
