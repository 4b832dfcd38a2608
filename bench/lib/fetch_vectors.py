"""Reads id and embedding of every RemovalEvent of a server into an NPZ file: fetch_vectors.py URI USER OUT."""
import os
import sys

import neo4j
import numpy

QUERY = "MATCH (n:RemovalEvent) WHERE n.embedding IS NOT NULL RETURN n.removal_id AS id, n.embedding AS vector"

uri, user, out = sys.argv[1:4]
ids, vectors = [], []
with neo4j.GraphDatabase.driver(uri, auth=(user, os.environ["NEO4J_PASSWORD"])) as driver, driver.session() as session:
    for record in session.run(QUERY):
        ids.append(record["id"])
        vectors.append(numpy.asarray(record["vector"], dtype="float32"))
numpy.savez(out, ids=numpy.asarray(ids), vectors=numpy.stack(vectors))
