#!/usr/bin/env python3
"""`heddle plan --probe` against a real Neo4j server: it times a sample, leaves nothing behind, and meets nothing of anybody's.

    test_plan.py HEDDLE ENV_FILE        (ENV_FILE as scripts/neo4j writes it; skipped with 77 where it is missing)
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

HEDDLE, ENV_FILE = "", ""
SOURCE = pathlib.Path(__file__).resolve().parents[2]


def heddle(*arguments, cwd):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NEO4J_", "HEDDLE_"))}
    done = subprocess.run([HEDDLE, *arguments, "--env-file", ENV_FILE], cwd=cwd, env=kept, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return json.loads(done.stdout)


class Probe(unittest.TestCase):
    def test_a_probe_predicts_all_rows_and_leaves_nothing_behind(self):
        with tempfile.TemporaryDirectory() as folder:
            job = (SOURCE / "examples" / "removals.yaml").read_text(encoding="utf-8")
            job = re.sub(r"(?m)^( *)type: (parquet|delta)\b.*", r"\1type: generate", job)
            job = re.sub(r"(?m)^( *)path: build.*", r"\1rows: 4000", job)
            pathlib.Path(folder, "removals.yaml").write_text(job, encoding="utf-8")
            query = "MATCH (n) WHERE any(l IN labels(n) WHERE l STARTS WITH 'HeddleProbe_') RETURN count(n) AS n"
            before = heddle("cypher", "MATCH (n) RETURN count(n) AS n", "--json", cwd=folder)[0]["n"]
            plan = heddle("plan", "removals.yaml", "--probe", "500ms", "--json", cwd=folder)
            self.assertGreaterEqual(plan["probe"]["sample_rows"], 256)
            self.assertGreater(plan["probe"]["wall_s"], 0)
            self.assertGreater(plan["probe"]["index_s"], 0)
            self.assertGreater(plan["probe"]["store_bytes"], 4000 * 384 * 4)
            self.assertEqual(heddle("cypher", query, "--json", cwd=folder)[0]["n"], 0)
            self.assertEqual(heddle("cypher", "MATCH (n) RETURN count(n) AS n", "--json", cwd=folder)[0]["n"], before)
            for kind in ("CONSTRAINTS", "INDEXES"):
                names = heddle("cypher", f"SHOW {kind} YIELD name", "--json", cwd=folder)
                self.assertEqual([row for row in names if row["name"].startswith("HeddleProbe_")], [])
            self.assertEqual(list(pathlib.Path(folder, ".heddle").glob("HeddleProbe_*")), [])


if __name__ == "__main__":
    HEDDLE, ENV_FILE = sys.argv.pop(1), sys.argv.pop(1)
    if not os.path.exists(ENV_FILE):
        print(f"skipped: there is no server ({ENV_FILE} is missing)")
        sys.exit(77)
    unittest.main()
