"""A second reader of the journal's format (src/run/journal/segment.h), written from its description: tells what a run that was
killed had noted."""
import glob
import os
import struct
import zlib


def number(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def blocks(data, segment):
    """Records of whole blocks, and whether the segment ends in a write that was cut short."""
    at = 32
    if len(data) < at or data[:8] != b"heddleJ\n" or zlib.crc32(data[:28]) != struct.unpack("<I", data[28:32])[0]:
        return [], True
    records = []
    while at < len(data):
        head = data[at:at + 16]
        if len(head) < 16 or head[:4] != b"\xb1ock":
            return records, True
        length, crc = struct.unpack("<II", head[4:12])
        body = data[at + 16:at + 16 + length]
        if len(body) < length or zlib.crc32(struct.pack("<QQI", segment, at, length) + body) != crc:
            return records, True
        inside = 0
        while inside < length:
            kind, inside = number(body, inside)
            size, inside = number(body, inside)
            records.append((kind, body[inside:inside + size]))
            inside += size
        at += 16 + length
    return records, False


def read(folder):
    """{"batch", "done", "sent", "open": tokens without an outcome, "torn"} of the newest micro-batch; {} where there is none."""
    while True:
        try:
            return read_now(folder)
        except FileNotFoundError: # a run that is at work removed a segment under our eyes
            continue


def read_now(folder):
    seen = {}
    for path in sorted(glob.glob(os.path.join(folder, "*.journal"))):
        with open(path, "rb") as file:
            records, torn = blocks(file.read(), int(os.path.basename(path).split(".")[0]))
        for kind, body in records:
            if kind == 1 and (not seen or seen["batch"] != number(body, 0)[0]):
                seen = {"batch": number(body, 0)[0], "done": False, "sent": 0, "open": set()}
            elif kind == 6:
                seen = {"batch": number(body, 0)[0], "done": True, "sent": 0, "open": set()}
            elif kind == 2:
                seen["sent"] += 1
                seen["open"].add(number(body, 0)[0])
            elif kind in (3, 4, 5):
                seen["open"].discard(number(body, 0)[0])
        if seen:
            seen["torn"] = torn
    return seen
