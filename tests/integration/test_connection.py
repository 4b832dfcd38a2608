#!/usr/bin/env python3
"""Connections to a real server: TLS with and without trust, the wrong port, a server that goes away.

    test_connection.py HEDDLE ENV_FILE      (skipped with 77 where ENV_FILE is missing)
"""
import os
import re
import subprocess
import sys
import tempfile
import unittest

HEDDLE = ""
SETTINGS = {}
HOME = ""


def settings_of(path):
    with open(path, encoding="utf-8") as file:
        return dict(re.findall(r"^(?:export )?(\w+)=[\"']?(.*?)[\"']?$", file.read(), flags=re.MULTILINE))


def cypher(query, uri, *more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NEO4J_", "HEDDLE_"))}
    kept["NEO4J_PASSWORD"] = SETTINGS["NEO4J_PASSWORD"]
    return subprocess.run([HEDDLE, "cypher", query, "--to", uri, "--username", SETTINGS["NEO4J_USERNAME"], "--json", *more],
                          env=kept, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)


class Connection(unittest.TestCase):
    def setUp(self):
        self.address = SETTINGS["NEO4J_URI"].split("://")[1]
        self.port = self.address.rsplit(":", 1)[1]

    def test_both_schemes_answer(self):
        for scheme in ("bolt", "neo4j"):
            done = cypher("RETURN 1 AS one", f"{scheme}://{self.address}")
            self.assertEqual((done.returncode, done.stdout.replace(" ", "").strip()), (0, '[{"one":1}]'), done.stderr)

    def test_tls_without_trust_answers(self):
        done = cypher("RETURN 1 AS one", f"bolt+ssc://127.0.0.1:{self.port}")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_tls_with_a_certificate_nobody_trusts_is_refused_and_names_the_remedy(self):
        done = cypher("RETURN 1 AS one", f"bolt+s://127.0.0.1:{self.port}")
        self.assertEqual(done.returncode, 5)
        self.assertRegex(done.stderr, r"--ca-file|SSL_CERT_FILE|\+ssc")

    def test_tls_with_the_servers_own_certificate_trusted_answers(self):
        done = cypher("RETURN 1 AS one", f"bolt+s://127.0.0.1:{self.port}", "--ca-file",
                      os.path.join(HOME, "certificates", "bolt", "public.crt"))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_file_of_authorities_that_is_not_there_is_named(self):
        done = cypher("RETURN 1 AS one", f"bolt+s://127.0.0.1:{self.port}", "--ca-file", "no-such.pem")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("no-such.pem", done.stderr)

    def test_a_statement_that_is_wrong_brings_the_servers_own_code(self):
        done = cypher("RETRUN 1", f"bolt://{self.address}")
        self.assertEqual(done.returncode, 5)
        self.assertIn("Neo.ClientError.Statement.SyntaxError", done.stderr)

    def test_a_database_that_is_not_there_is_named(self):
        done = cypher("RETURN 1", f"bolt://{self.address}", "--database", "nowhere")
        self.assertEqual(done.returncode, 5)
        self.assertIn("nowhere", done.stderr)

    def test_a_user_that_is_not_there_is_refused(self):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("a-password-that-is-wrong")
            file.flush()
            done = cypher("RETURN 1", f"bolt://{self.address}", "--password-file", file.name)
        self.assertEqual(done.returncode, 5)
        self.assertIn("Unauthorized", done.stderr)
        self.assertNotIn("a-password-that-is-wrong", done.stderr + done.stdout)


if __name__ == "__main__":
    HEDDLE = os.path.abspath(sys.argv[1])
    if not os.path.exists(sys.argv[2]):
        print(f"skipped: there is no server ({sys.argv[2]} is missing): scripts/neo4j could not start one")
        sys.exit(77)
    HOME = os.path.dirname(os.path.abspath(sys.argv[2]))
    SETTINGS = settings_of(sys.argv[2])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
