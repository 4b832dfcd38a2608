"""The graph of a crash test, asked by others than heddle's own counters: a Neo4j server, or a DuckDB file."""
import ctypes
import json
import os
import subprocess

COUNTS_NEO4J = {
    "events": "MATCH (n:RemovalEvent) RETURN count(n) AS n",
    "distinct events": "MATCH (n:RemovalEvent) RETURN count(DISTINCT n.removal_id) AS n",
    "removals": "MATCH (n:Removal) RETURN count(n) AS n",
    "vectors": "MATCH (n:RemovalEvent) WHERE n.embedding IS NOT NULL RETURN count(n) AS n",
    "aircraft": "MATCH (n:Aircraft) RETURN count(n) AS n",
    "components": "MATCH (n:Component) RETURN count(n) AS n",
    "removed_from": "MATCH (:Removal)-[r:REMOVED_FROM]->(:Aircraft) RETURN count(r) AS n",
    "distinct removed_from": "MATCH (n:Removal)-[:REMOVED_FROM]->() RETURN count(DISTINCT n.removal_id) AS n",
    "lost": "MATCH (:Aircraft)-[r:LOST]->(:Component) RETURN count(r) AS n",
    "distinct lost": "MATCH ()-[r:LOST]->() RETURN count(DISTINCT r.removal_id) AS n",
}
COUNTS_DUCKDB = {
    "events": 'SELECT count(*) FROM "RemovalEvent"',
    "distinct events": 'SELECT count(DISTINCT removal_id) FROM "RemovalEvent"',
    "removals": 'SELECT count(*) FROM "Removal"',
    "vectors": 'SELECT count(embedding) FROM "RemovalEvent"',
    "aircraft": 'SELECT count(*) FROM "Aircraft"',
    "components": 'SELECT count(*) FROM "Component"',
    "removed_from": 'SELECT count(*) FROM "REMOVED_FROM"',
    "distinct removed_from": 'SELECT count(DISTINCT start_removal_id) FROM "REMOVED_FROM"',
    "lost": 'SELECT count(*) FROM "LOST"',
    "distinct lost": 'SELECT count(DISTINCT removal_id) FROM "LOST"',
}
LABELS = ("RemovalEvent", "Removal", "Aircraft", "Component", "HeddleTx", "HeddleLoad")


class Neo4j:
    def __init__(self, heddle, env_file, folder):
        self.heddle, self.env_file, self.folder = heddle, env_file, folder
        self.arguments = ["--env-file", env_file]

    def rows(self, query):
        done = subprocess.run([self.heddle, "cypher", query, "--json", *self.arguments], cwd=self.folder,
                              capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout)

    def clear(self):
        for label in LABELS:
            while self.rows(f"MATCH (n:{label}) WITH n LIMIT 5000 DETACH DELETE n RETURN count(*) AS n")[0]["n"]:
                pass

    def counts(self):
        return {name: self.rows(query)[0]["n"] for name, query in COUNTS_NEO4J.items()}

    def written(self):
        """Rows of all targets that create."""
        return self.rows("RETURN COUNT { (:RemovalEvent) } + COUNT { ()-[:REMOVED_FROM]->() } + "
                         "COUNT { ()-[:LOST]->() } AS n")[0]["n"]

    def marks(self):
        return {row["id"] for row in self.rows("MATCH (t:HeddleTx) RETURN t.id AS id")}


class DuckResult(ctypes.Structure):
    _fields_ = [("fields", ctypes.c_void_p * 8)]


class Duck:
    def __init__(self, library, path):
        self.path, self.library = path, ctypes.CDLL(library)
        self.library.duckdb_value_int64.restype = ctypes.c_int64
        self.library.duckdb_value_int64.argtypes = [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64]
        self.arguments = ["--to", f"duckdb:{path}"]

    def numbers(self, queries):
        """Answers of queries for one number; None where a table is not there."""
        database, connection = ctypes.c_void_p(), ctypes.c_void_p()
        if self.library.duckdb_open(self.path.encode(), ctypes.byref(database)) != 0:
            raise RuntimeError(f"cannot open {self.path}")
        self.library.duckdb_connect(database, ctypes.byref(connection))
        answers = []
        for query in queries:
            result = DuckResult()
            failed = self.library.duckdb_query(connection, query.encode(), ctypes.byref(result))
            answers.append(None if failed else self.library.duckdb_value_int64(ctypes.byref(result), 0, 0))
            self.library.duckdb_destroy_result(ctypes.byref(result))
        self.library.duckdb_disconnect(ctypes.byref(connection))
        self.library.duckdb_close(ctypes.byref(database))
        return answers

    def clear(self):
        for path in (self.path, self.path + ".wal"):
            if os.path.exists(path):
                os.remove(path)

    def counts(self):
        return dict(zip(COUNTS_DUCKDB, self.numbers(COUNTS_DUCKDB.values())))

    def written(self):
        names = ("events", "removed_from", "lost")
        return sum(number or 0 for number in self.numbers(COUNTS_DUCKDB[name] for name in names))

    def marks(self):
        return None
