"""Prints, twice a second until stdin ends, how many nodes of each label a server has: watch_counts.py URI USER LABEL..."""
import json
import os
import select
import sys

import neo4j

uri, user, labels = sys.argv[1], sys.argv[2], sys.argv[3:]
QUERY = "RETURN " + ", ".join(f"COUNT {{ (:{label}) }} AS c{i}" for i, label in enumerate(labels))
with neo4j.GraphDatabase.driver(uri, auth=(user, os.environ["NEO4J_PASSWORD"])) as driver, driver.session() as session:
    while not select.select([sys.stdin], [], [], 0.5)[0]:
        print(json.dumps(session.run(QUERY).single().values()), flush=True)
