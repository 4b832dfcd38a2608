#!/usr/bin/env python3
"""Makes a small Delta table with Change Data Feed, commit by commit, as Spark writes one.

    delta_feed.py TABLE create ROWS             version 0: a schema from the first row, and these rows
    delta_feed.py TABLE append ROWS             a new file beside the others
    delta_feed.py TABLE change CHANGES          a MERGE: change file, new file in place of all others
    delta_feed.py TABLE overwrite ROWS          a new file in place of all others, no change file
    delta_feed.py TABLE drop                    all files go

ROWS is a JSON list of objects; their first column tells rows apart. CHANGES is a JSON object with any of "insert", "update" (lists
of rows; an update may leave columns out) and "delete" (a list of keys); {"rekey": [[old, new], …]} updates the first column.
Parquet files are written by `heddle cat`, the log by this script; TABLE/_rows.json remembers what the table holds.
"""
import json
import os
import subprocess
import sys

TYPES = {bool: "boolean", int: "long", float: "double", str: "string"}


class Table:
    """One table in a folder."""

    def __init__(self, folder, heddle="heddle"):
        self.folder = folder
        self.heddle = heddle
        self.log = os.path.join(folder, "_delta_log")
        self.memory = os.path.join(folder, "_rows.json")
        self.state = {"version": 0, "files": [], "rows": [], "columns": []}
        if os.path.exists(self.memory):
            with open(self.memory, encoding="utf-8") as memory:
                self.state = json.load(memory)

    def key(self, row):
        return row[self.state["columns"][0]]

    def parquet(self, name, rows):
        """Writes rows as Parquet; the size of the file."""
        lines = os.path.join(self.folder, "_lines.jsonl")
        with open(lines, "w", encoding="utf-8") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows)
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        subprocess.run([self.heddle, "cat", lines, "--format", "parquet", "-o", path, "-q"], check=True,
                       stdout=subprocess.DEVNULL)
        os.remove(lines)
        return os.path.getsize(path)

    def add(self, rows):
        name = f"part-{self.state['version']:05d}.parquet"
        size = self.parquet(name, rows)
        self.state["files"].append({"name": name, "rows": rows})
        return {"add": {"path": name, "partitionValues": {}, "size": size, "modificationTime": 1700000000000,
                        "dataChange": True, "stats": json.dumps({"numRecords": len(rows)})}}

    def remove_all(self):
        gone = [{"remove": {"path": file["name"], "deletionTimestamp": 1700000000000, "dataChange": True,
                            "extendedFileMetadata": True, "partitionValues": {}, "size": 1}}
                for file in self.state["files"]]
        self.state["files"] = []
        return gone

    def cdc(self, rows):
        name = f"_change_data/cdc-{self.state['version']:05d}.parquet"
        return {"cdc": {"path": name, "partitionValues": {}, "size": self.parquet(name, rows), "dataChange": False}}

    def commit(self, operation, actions):
        actions = [{"commitInfo": {"timestamp": 1700000000000, "operation": operation}}] + actions
        with open(os.path.join(self.log, f"{self.state['version']:020d}.json"), "w", encoding="utf-8") as out:
            out.writelines(json.dumps(action) + "\n" for action in actions)
        self.state["version"] += 1
        with open(self.memory, "w", encoding="utf-8") as memory:
            json.dump(self.state, memory)

    # ---- operations ----

    def create(self, rows):
        os.makedirs(self.log)
        self.state["columns"] = list(rows[0])
        fields = [{"name": name, "type": TYPES[type(value)], "nullable": True, "metadata": {}}
                  for name, value in rows[0].items()]
        schema = json.dumps({"type": "struct", "fields": fields})
        self.state["rows"] = rows
        self.commit("WRITE", [
            {"protocol": {"minReaderVersion": 1, "minWriterVersion": 4}},
            {"metaData": {"id": os.path.basename(self.folder), "format": {"provider": "parquet", "options": {}},
                          "schemaString": schema, "partitionColumns": [],
                          "configuration": {"delta.enableChangeDataFeed": "true"}, "createdTime": 1700000000000}},
            self.add(rows)])

    def append(self, rows):
        self.state["rows"] += rows
        self.commit("WRITE", [self.add(rows)])

    def change(self, changes):
        feed = []
        rows = {self.key(row): row for row in self.state["rows"]}
        first = self.state["columns"][0]
        moves = {old: new for old, new in changes.get("rekey", [])}
        updates = [dict(row) for row in changes.get("update", [])] + [{first: old} for old in moves]
        for update in updates:
            before = rows.pop(update[first])
            after = {**before, **update, first: moves.get(update[first], update[first])}
            feed += [{**before, "_change_type": "update_preimage"}, {**after, "_change_type": "update_postimage"}]
            rows[after[first]] = after
        for key in changes.get("delete", []):
            feed.append({**rows.pop(key), "_change_type": "delete"})
        for row in changes.get("insert", []):
            feed.append({**row, "_change_type": "insert"})
            rows[self.key(row)] = row
        self.state["rows"] = list(rows.values())
        gone = self.remove_all()
        self.commit("MERGE", gone + [self.add(self.state["rows"]), self.cdc(feed)])

    def overwrite(self, rows):
        self.state["rows"] = rows
        gone = self.remove_all()
        self.commit("WRITE", [self.add(rows)] + gone)

    def drop(self):
        self.state["rows"] = []
        self.commit("DELETE", self.remove_all())


def main():
    table = Table(sys.argv[1].rstrip("/"))
    operation = sys.argv[2]
    if operation == "drop":
        table.drop()
    else:
        getattr(table, operation)(json.loads(sys.argv[3]))


if __name__ == "__main__":
    main()
