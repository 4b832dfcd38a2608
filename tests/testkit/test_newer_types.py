#!/usr/bin/env python3
"""Values that came with Bolt 6 through the TestKit backend: VECTOR, UUID, types newer than the connection.

    test_newer_types.py BACKEND

The suite's own tests of these (tests/stub/datatypes) need a stub server that is newer than the suite which is public as a whole. So this
program is both: it asks the backend as the suite does, and plays the server, on Bolt 6.0 and 6.1. The server sends back, byte
for byte, what came as the statement's parameter, or a value that is given here; what the backend sent is compared too.
"""
import contextlib
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import threading
import time
import uuid

HELLO, LOGON, LOGOFF, RESET, GOODBYE, TELEMETRY = 0x01, 0x6A, 0x6B, 0x0F, 0x02, 0x54
RUN, PULL, DISCARD = 0x10, 0x3F, 0x2F
SUCCESS, RECORD = 0x70, 0x71
START_TIMEOUT_S = 30
ANSWER_TIMEOUT_S = 30


# ---- PackStream, as much of it as is needed ---------------------------------------------------------------------------------

def text(value):
    raw = value.encode()
    return bytes([0xD0, len(raw)]) + raw


def mapping(**entries):
    return bytes([0xA0 + len(entries)]) + b"".join(text(key) + value for key, value in entries.items())


def vector(kind, raw):
    marker = {"f32": 0xC6, "f64": 0xC1, "i8": 0xC8, "i16": 0xC9, "i32": 0xCA, "i64": 0xCB}[kind]
    return bytes([0xB2, 0x56, 0xCC, 1, marker, 0xCC, len(raw)]) + raw


def packed_uuid(value):
    return b"\xE0" + value.bytes


def end_of(raw, at):
    """The place behind the value that begins at `at`."""
    marker = raw[at]
    at += 1
    size, inner = marker & 0x0F, 0
    if marker >= 0xF0 or marker < 0x80 or marker in (0xC0, 0xC2, 0xC3):
        return at
    if marker in (0xC1, 0xC8, 0xC9, 0xCA, 0xCB):
        return at + {0xC1: 8, 0xC8: 1, 0xC9: 2, 0xCA: 4, 0xCB: 8}[marker]
    if marker == 0xE0:
        return at + 16
    if marker >= 0xC0:
        width = 1 << (marker & 3)
        size = int.from_bytes(raw[at:at + width], "big")
        at += width
    kind = marker & 0xFC if marker >= 0xC0 else marker & 0xF0
    if kind in (0xCC, 0xD0, 0x80):
        return at + size
    if kind == 0xB0:
        at, inner = at + 1, size
    else:
        inner = 2 * size if kind in (0xD8, 0xA0) else size
    for _ in range(inner):
        at = end_of(raw, at)
    return at


def parameter_of(run):
    """The bytes of the one parameter of RUN; b"" where it has none."""
    at = end_of(run, 2)
    if run[at] == 0xA0:
        return b""
    assert run[at] == 0xA1, run[at:at + 1].hex()
    at = end_of(run, at + 1)
    return run[at:end_of(run, at)]


# ---- the server -------------------------------------------------------------------------------------------------------------

class Server:
    """Speaks one version, chosen through the manifest. `answer` None: the parameter comes back."""

    def __init__(self, minor, answer=None):
        self.minor, self.answer = minor, answer
        self.heard = []  # parameters of RUNs
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        with contextlib.suppress(OSError, EOFError):
            while True:
                peer, _ = self.listener.accept()
                with peer, contextlib.suppress(EOFError, OSError):
                    self.serve(peer)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()

    @staticmethod
    def read(peer, length):
        raw = b""
        while len(raw) < length:
            part = peer.recv(length - len(raw))
            if not part:
                raise EOFError
            raw += part
        return raw

    def message(self, peer):
        raw = b""
        while True:
            (length,) = struct.unpack(">H", self.read(peer, 2))
            if length == 0 and raw:
                return raw
            raw += self.read(peer, length)

    @staticmethod
    def send(peer, tag, *fields):
        raw = bytes([0xB0 + len(fields), tag]) + b"".join(fields)
        peer.sendall(struct.pack(">H", len(raw)) + raw + b"\0\0")

    def serve(self, peer):
        offer = self.read(peer, 20)
        assert offer[4:8] == b"\0\0\x01\xFF", f"no manifest is asked for first: {offer.hex()}"
        peer.sendall(bytes([0, 0, 1, 0xFF, 1, 0, 0, self.minor, 6, 0]))
        assert self.read(peer, 5) == bytes([0, 0, self.minor, 6, 0])
        value = b"\xC0"
        while True:
            raw = self.message(peer)
            tag = raw[1]
            if tag == GOODBYE:
                return
            if tag == HELLO:
                self.send(peer, SUCCESS, mapping(server=text("Neo4j/2026.08.1"), connection_id=text("bolt-1")))
            elif tag == RUN:
                self.heard.append(parameter_of(raw))
                value = self.answer if self.answer is not None else self.heard[-1]
                self.send(peer, SUCCESS, mapping(fields=b"\x91" + text("value")))
            elif tag in (PULL, DISCARD):
                if tag == PULL:
                    self.send(peer, RECORD, b"\x91" + value)
                self.send(peer, SUCCESS, mapping(type=text("r")))
            else:
                assert tag in (LOGON, LOGOFF, RESET, TELEMETRY), f"message {tag:02x}"
                self.send(peer, SUCCESS, mapping())


# ---- the suite --------------------------------------------------------------------------------------------------------------

class Suite:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_TIMEOUT_S)
        self.lines = self.socket.makefile("r")

    def ask(self, name, **data):
        self.socket.sendall(f"#request begin\n{json.dumps({'name': name, 'data': data})}\n#request end\n".encode())
        inside, answer = False, ""
        for line in self.lines:
            if line.startswith("#response begin"):
                inside = True
            elif line.startswith("#response end"):
                return json.loads(answer)
            elif inside:
                answer += line
        raise EOFError(f"the backend ended while it was asked for {name}")

    def expect(self, wanted, name, **data):
        answer = self.ask(name, **data)
        assert answer["name"] == wanted, answer
        return answer["data"]


@contextlib.contextmanager
def session_on(suite, server):
    token = {"name": "AuthorizationToken", "data": {"scheme": "basic", "principal": "", "credentials": ""}}
    driver = suite.expect("Driver", "NewDriver", uri=f"bolt://127.0.0.1:{server.port}", authorizationToken=token)["id"]
    session = suite.expect("Session", "NewSession", driverId=driver, accessMode="r")["id"]
    try:
        yield session
    finally:
        suite.expect("Session", "SessionClose", sessionId=session)
        suite.expect("Driver", "DriverClose", driverId=driver)
        server.close()


def value_of(suite, server, parameter=None):
    """What comes back for a statement with this parameter."""
    with session_on(suite, server) as session:
        params = {} if parameter is None else {"value": parameter}
        result = suite.expect("Result", "SessionRun", sessionId=session, cypher="RETURN $value AS value", params=params)
        values = suite.expect("Record", "ResultNext", resultId=result["id"])["values"]
        suite.expect("NullRecord", "ResultNext", resultId=result["id"])
        assert len(values) == 1, values
        return values[0]


def echo(suite, minor, cypher, wire):
    """A value goes out as these bytes, and comes back as it went."""
    server = Server(minor)
    back = value_of(suite, server, cypher)
    assert server.heard == [wire], (server.heard[0].hex(), wire.hex())
    assert back == cypher, back


def cypher_uuid(value):
    return {"name": "CypherUUID", "data": {"value": str(value)}}


def cypher_list(*values):
    return {"name": "CypherList", "data": {"value": list(values)}}


def cypher_map(**values):
    return {"name": "CypherMap", "data": {"value": values}}


# Numbers, most significant byte first: none, the ends of each range, subnormal, negative zero, infinities, NaNs with a payload.
VECTORS = (
    ("i8", ""), ("i8", "01"), ("i8", "01 ff"), ("i8", "00 80 7f"), ("i16", "00 01"), ("i16", "00 00 80 00 7f ff"),
    ("i32", "00 00 00 00 80 00 00 00 7f ff ff ff"),
    ("i64", "00 00 00 00 00 00 00 00 80 00 00 00 00 00 00 00 7f ff ff ff ff ff ff ff"),
    ("f32", "3f 80 00 00 00 00 00 01 00 00 00 00 80 00 00 00 bf 80 00 00 7f c0 00 00 7f 88 42 25 ff c0 00 00 ff f8 42 25 "
            "7f 80 00 00 ff 80 00 00"),
    ("f64", "3f f0 00 00 00 00 00 00 00 00 00 00 00 00 00 01 80 00 00 00 00 00 00 00 7f f8 00 00 00 00 00 00 "
            "7f f0 10 08 08 10 42 25 ff f0 10 08 08 10 42 25 7f f0 00 00 00 00 00 00 ff f0 00 00 00 00 00 00"),
)
UUIDS = tuple(map(uuid.UUID, ("0" * 32, "f" * 32, "0102030405060708090a0b0c0d0e0f12")))


def vectors_come_back_bit_for_bit(suite):
    for minor in (0, 1):
        for kind, data in VECTORS:
            echo(suite, minor, {"name": "CypherVector", "data": {"dtype": kind, "data": data}},
                 vector(kind, bytes.fromhex(data)))


def uuids_come_back_alone_in_lists_and_in_maps(suite):
    for value in UUIDS:
        echo(suite, 1, cypher_uuid(value), packed_uuid(value))
        echo(suite, 1, cypher_list(cypher_uuid(UUIDS[1]), cypher_uuid(value)),
             b"\x92" + packed_uuid(UUIDS[1]) + packed_uuid(value))
        echo(suite, 1, cypher_map(key=cypher_uuid(value)), b"\xA1\x83key" + packed_uuid(value))


def a_node_may_have_a_uuid(suite):
    node = b"\xB4\x4E\x01\x91" + text("Thing") + mapping(uid=packed_uuid(UUIDS[2])) + text("4:1")
    back = value_of(suite, Server(1, node))
    assert back["name"] == "CypherNode", back
    assert back["data"]["props"]["data"]["value"] == {"uid": cypher_uuid(UUIDS[2])}, back


def before_6_1_there_are_no_uuids(suite):
    server = Server(0)
    with session_on(suite, server) as session:
        answer = suite.ask("SessionRun", sessionId=session, cypher="RETURN $value AS value",
                           params={"value": cypher_uuid(UUIDS[0])})
        assert answer["name"] == "DriverError" and "uuid" in answer["data"]["msg"].lower(), answer
        assert server.heard == []
    with session_on(suite, Server(0, packed_uuid(UUIDS[0]))) as session:
        result = suite.expect("Result", "SessionRun", sessionId=session, cypher="RETURN uuid()", params={})
        answer = suite.ask("ResultNext", resultId=result["id"])
        assert answer["name"] == "DriverError", answer
        message = answer["data"]["msg"].lower()
        assert "packstream" in message and "e0" in message and "uuid" in message and "6.1" in message, message


def a_type_newer_than_the_connection_is_named(suite):
    for message in ("", "test message"):
        raw = b"\xB4\x3F" + text("encrypted_value") + bytes([6, 10])
        raw += mapping(message=text(message)) if message else mapping()
        wanted = {"name": "encrypted_value", "minimumProtocol": "6.10"}
        if message:
            wanted["message"] = message
        back = value_of(suite, Server(0, b"\x92\x01" + raw))
        assert back["data"]["value"] == [{"name": "CypherInt", "data": {"value": 1}},
                                         {"name": "CypherUnsupportedType", "data": wanted}], back


def newer_features_are_announced_on_request(suite):
    features = suite.expect("FeatureList", "GetFeatures")["features"]
    for name in ("Feature:API:Type.Vector", "Feature:API:Type.UUID", "Feature:API:Type.UnsupportedType", "Feature:Bolt:6.1"):
        assert name in features, features


TESTS = (newer_features_are_announced_on_request, vectors_come_back_bit_for_bit, uuids_come_back_alone_in_lists_and_in_maps,
         a_node_may_have_a_uuid, before_6_1_there_are_no_uuids, a_type_newer_than_the_connection_is_named)


@contextlib.contextmanager
def backend_at(program):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([program, str(port)], stdout=subprocess.PIPE, text=True,
                               env=dict(os.environ, TESTKIT_NEWER="1"))
    try:
        until = time.monotonic() + START_TIMEOUT_S
        assert "listening" in process.stdout.readline() and time.monotonic() < until
        yield port
    finally:
        process.terminate()
        process.communicate()


def main():
    if len(sys.argv) != 2 or not pathlib.Path(sys.argv[1]).exists():
        sys.exit(__doc__)
    with backend_at(sys.argv[1]) as port:
        for test in TESTS:
            suite = Suite(port)
            test(suite)
            suite.socket.close()
            print(f"ok {test.__name__}")


main()
