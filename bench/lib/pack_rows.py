#!/usr/bin/env python3
"""pack_rows.py ROUNDS: the official driver's packer on the rows of bench/bolt_encode.c; a line of JSON for each shape."""
import json
import sys
import time

from neo4j._codec.packstream.v1 import PackableBuffer, Packer

try:
    from neo4j._codec.packstream.v1 import _rust_pack
except ImportError:
    _rust_pack = None
try:
    from neo4j._codec.hydration.bolt.v3 import HydrationHandler
except ImportError:
    HydrationHandler = None

PAIR_ROWS, VECTOR_ROWS, DIMENSIONS = 200_000, 5_000, 384


def hooks():
    """How the driver turns Vector values into structures (Bolt 6), None where this version does not."""
    return HydrationHandler().new_hydration_scope().dehydration_hooks if HydrationHandler else None


def measure(name, rows, rounds, dehydration=None):
    best, length = float("inf"), 0
    for _ in range(rounds):
        buffer = PackableBuffer()
        packer = Packer(buffer)
        start = time.process_time()
        packer.pack("UNWIND $rows AS r CREATE (n)")
        packer.pack({"rows": rows}, dehydration)
        best = min(best, time.process_time() - start)
        length = len(buffer.data)
    print(json.dumps({"shape": name, "rows": len(rows), "bytes": length, "rows_per_second": round(len(rows) / best),
                      "gb_per_second": round(length / best / 1e9, 4), "compiled": _rust_pack is not None}))


def main():
    rounds = int(sys.argv[1])
    measure("pairs", [[i * 7919 % 1000003, i * 104729 % 1000003] for i in range(PAIR_ROWS)], rounds)
    vectors = [[float((row * DIMENSIONS + i) % 1009) / 1009.0 for i in range(DIMENSIONS)] for row in range(VECTOR_ROWS)]
    ids = [i * 7919 % 1000003 for i in range(VECTOR_ROWS)]
    measure("vectors as lists", [[key, vector] for key, vector in zip(ids, vectors)], rounds)
    try:
        from neo4j.vector import Vector
        rows = [[key, Vector.from_native(vector, "f32")] for key, vector in zip(ids, vectors)]
        measure("vectors", rows, rounds, hooks())
    except Exception as reason:  # an older driver, or another home of its hooks
        print(f"pack_rows.py: Vector values are not measured: {reason!r}", file=sys.stderr)


main()
