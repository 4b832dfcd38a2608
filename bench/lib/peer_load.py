"""The plain way: a Delta table into Neo4j with sentence-transformers and the official driver, step by step.

Read the table, embed every text, MERGE the nodes in batches by UNWIND, then the relationships, then make the vector
index. One process, one session, one batch at a time, as tutorials write it; the driver has its compiled extension
(neo4j-rust-ext) and encode() its best batch size. Lines of JSON on stdout: progress, then the figures.
"""
import argparse
import json
import os
import resource
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

BATCH = 5000
EMBED_PART = 512  # texts between two lines of progress; encode() sorts within it
CONSTRAINTS = (
    "CREATE CONSTRAINT removal_id IF NOT EXISTS FOR (n:RemovalEvent) REQUIRE n.removal_id IS UNIQUE",
    "CREATE CONSTRAINT aircraft_id IF NOT EXISTS FOR (n:Aircraft) REQUIRE n.aircraft_id IS UNIQUE",
    "CREATE CONSTRAINT component_id IF NOT EXISTS FOR (n:Component) REQUIRE n.component_id IS UNIQUE",
)
INDEX = ("CREATE VECTOR INDEX removal_embedding IF NOT EXISTS FOR (n:RemovalEvent) ON n.embedding OPTIONS {indexConfig: "
         "{`vector.dimensions`: 384, `vector.similarity_function`: 'cosine'}}")
STEPS = (
    ("removal", """
     UNWIND $rows AS r MERGE (n:RemovalEvent {removal_id: r.id})
     SET n.removal_reason = r.reason, n.tracking_no = r.tracking, n.removal_date = r.date
     WITH n, r WHERE r.embedding IS NOT NULL CALL db.create.setNodeVectorProperty(n, 'embedding', r.embedding)""",
     ("id", "reason", "tracking", "date", "embedding")),
    ("aircraft", "UNWIND $rows AS r MERGE (:Aircraft {aircraft_id: r.aircraft})", ("aircraft",)),
    ("component", "UNWIND $rows AS r MERGE (:Component {component_id: r.component})", ("component",)),
    ("removed_from", """
     UNWIND $rows AS r MATCH (a:RemovalEvent {removal_id: r.id}) MATCH (b:Aircraft {aircraft_id: r.aircraft})
     MERGE (a)-[:REMOVED_FROM]->(b)""", ("id", "aircraft")),
    ("of_component", """
     UNWIND $rows AS r MATCH (a:RemovalEvent {removal_id: r.id}) MATCH (b:Component {component_id: r.component})
     MERGE (a)-[:OF_COMPONENT]->(b)""", ("id", "component")),
)


def named(statement, prefix):
    """The same statement with labels, types and names of its own, so that two loads can share a database."""
    for word in ("RemovalEvent", "Aircraft", "Component", "REMOVED_FROM", "OF_COMPONENT"):
        statement = statement.replace(":" + word, f":{prefix}{word}")
    for word in ("removal_id IF", "aircraft_id IF", "component_id IF", "removal_embedding IF"):
        statement = statement.replace(word, prefix + word)
    return statement


def say(**fields):
    print(json.dumps(fields), flush=True)


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Phase:
    """Wall and CPU seconds of what stands in the with block."""

    def __init__(self, figures, name):
        self.figures, self.name = figures, name

    def __enter__(self):
        self.start = time.monotonic(), cpu()

    def __exit__(self, *error):
        self.figures[self.name] = {"wall_s": time.monotonic() - self.start[0], "cpu_s": cpu() - self.start[1]}


def read_table(path):
    import deltalake
    import pyarrow
    names = {":ID(RemovalEvent)": "id", "RMV_REA_TX": "reason", "RMV_TRK_NO": "tracking", "aircraft_id": "aircraft",
             "component_id": "component", "removal_date": "date"}
    # Not to_pyarrow_table(): of a table that maps its columns it answers nulls (deltalake 1.6.6).
    columns = ", ".join(f'"{column}" AS "{name}"' for column, name in names.items())
    query = deltalake.QueryBuilder().register("removals", deltalake.DeltaTable(path))
    rows = pyarrow.table(query.execute(f"SELECT {columns} FROM removals").read_all()).to_pylist()
    for row in rows:
        row["embedding"] = None
    return rows


def best_batch(model, texts):
    """encode() sorts by length and pads a batch to its longest text: which size is best depends on the machine."""
    model.encode(texts[:32])
    speeds = {}
    for size in (16, 32, 64):
        start = time.monotonic()
        model.encode(texts[:256], batch_size=size)
        speeds[size] = time.monotonic() - start
    return min(speeds, key=speeds.get)


def embed(arguments, rows, figures):
    say(phase="start", step="loading the model")
    from sentence_transformers import SentenceTransformer
    import torch
    torch.set_num_threads(arguments.threads)
    with Phase(figures, "model"):
        model = SentenceTransformer(arguments.model, device="cpu")
    wanted = [row for row in rows if row["reason"] and row["reason"].strip()]
    part = wanted if arguments.embed_rows == 0 else wanted[:arguments.embed_rows]
    figures["batch_size"] = best_batch(model, [row["reason"] for row in part])
    say(phase="embed", done=0, rows=len(part))
    with Phase(figures, "embed"):
        for first in range(0, len(part), EMBED_PART):
            some = part[first:first + EMBED_PART]
            vectors = model.encode([row["reason"] for row in some], batch_size=figures["batch_size"],
                                   normalize_embeddings=True)
            for row, vector in zip(some, vectors):
                row["embedding"] = vector
            say(phase="embed", done=first + len(some), rows=len(part))
    figures["texts"] = len(wanted)
    figures["texts_embedded"] = len(part)
    figures["torch"] = torch.__version__


def fill_vectors(path, rows):
    """Vectors that were not made here: from the other side, the same model's, so that the server gets the same work."""
    import numpy
    store = numpy.load(path)
    known = dict(zip(store["ids"].tolist(), store["vectors"]))
    for row in rows:
        if row["embedding"] is None:
            row["embedding"] = known.get(row["id"])


def as_parameter(row, fields, vector_type):
    out = {field: row[field] for field in fields}
    if out.get("embedding") is not None:
        out["embedding"] = vector_type(out["embedding"])
    return out


def vector_parameter(driver):
    """The cheapest way this driver and server have for a vector: a Bolt 6 vector, else a list of floats."""
    version = driver.get_server_info().protocol_version
    try:
        from neo4j.vector import Vector
    except ImportError:
        return "list", lambda vector: vector.tolist()
    if version[0] >= 6:
        return "vector", lambda vector: Vector.from_numpy(vector)
    return "list", lambda vector: vector.tolist()


def write(arguments, rows, figures):
    import neo4j
    auth = (arguments.user, os.environ["NEO4J_PASSWORD"])
    with neo4j.GraphDatabase.driver(arguments.uri, auth=auth) as driver:
        driver.verify_connectivity()
        figures["parameter"], vector_type = vector_parameter(driver)
        figures["driver"] = neo4j.__version__
        for statement in CONSTRAINTS + ((INDEX,) if arguments.index == "before" else ()):
            driver.execute_query(named(statement, arguments.prefix))
        with driver.session() as session, Phase(figures, "write"):
            for name, query, fields in STEPS:
                query = named(query, arguments.prefix)
                for first in range(0, len(rows), arguments.batch):
                    some = rows[first:first + arguments.batch]
                    parameters = [as_parameter(row, fields, vector_type) for row in some
                                  if fields[-1] == "embedding" or row[fields[-1]] is not None]
                    session.execute_write(lambda tx: tx.run(query, rows=parameters).consume())
                    say(phase="write", step=name, done=first + len(some), rows=len(rows))
        say(phase="start", step="indexing")
        with Phase(figures, "index"):
            driver.execute_query(named(INDEX, arguments.prefix))
            driver.execute_query("CALL db.awaitIndexes(3600)")
        count = named("MATCH (:RemovalEvent)-[r]->() RETURN count(DISTINCT startNode(r)) AS nodes, count(r) AS links",
                      arguments.prefix)
        figures["linked_nodes"], figures["relationships"] = driver.execute_query(count).records[0].values()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("table")
    parser.add_argument("--model", required=True)
    parser.add_argument("--uri", required=True)
    parser.add_argument("--user", default="neo4j")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--embed-rows", type=int, default=0, help="embed so many rows, take the others' vectors from --vectors")
    parser.add_argument("--vectors", help="NPZ file with `ids` and `vectors`")
    parser.add_argument("--batch", type=int, default=BATCH, help="rows of an UNWIND")
    parser.add_argument("--prefix", default="", help="before every label, type and name")
    parser.add_argument("--index", choices=("before", "after"), default="after")
    arguments = parser.parse_args()
    figures = {"rows": 0}
    say(phase="start", step="reading the table")
    with Phase(figures, "read"):
        rows = read_table(arguments.table)
    figures["rows"] = len(rows)
    embed(arguments, rows, figures)
    if arguments.vectors:
        fill_vectors(arguments.vectors, rows)
    write(arguments, rows, figures)
    figures["rss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    say(figures=figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
