#!/usr/bin/env python3
"""Prints what Python's decoder makes of ill-formed UTF-8: lines of bytes in hex, a space, the repaired bytes in hex.

    tests/support/make_utf8_table.py > tests/golden/utf8/repaired.txt

The bytes come from a fixed seed: every pair and many triples of the bytes at which the rules turn, and random strings
with a lean to lead and continuation bytes.
"""
import itertools
import random

EDGES = [0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF]


def samples():
    yield from (bytes([b]) for b in range(256))
    yield from (bytes(pair) for pair in itertools.product(EDGES, repeat=2))
    random.seed(8)
    for _ in range(1200):
        yield bytes(random.choices(EDGES, k=random.choice([3, 4, 5])))
    for _ in range(300):
        yield bytes(random.choice([random.randrange(256), random.randrange(0x80, 0xC0), random.randrange(0xC2, 0xF5)]) for _ in range(random.randrange(1, 24)))
    for text in ("é飛🙂", "\ud800\udc00".encode("utf-16", "surrogatepass").decode("utf-16")):
        data = text.encode()
        yield from (data[:i] for i in range(len(data)))


for data in samples():
    print(data.hex(), data.decode("utf-8", errors="replace").encode().hex())
