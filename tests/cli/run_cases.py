#!/usr/bin/env python3
"""Runs command-line cases: what a person types, what they see, and the exit code.

    run_cases.py HEDDLE [--rewrite] CASE...

A case is a text file. Its commands run in order, by bash, in one temporary folder, with `heddle` on the PATH:

    # a remark
    $ heddle check job.yaml
    1| a line expected on stdout; `*` stands for anything
    2| a line expected on stderr
    => 2

`1| ...` alone on a line stands for any number of lines. Expectations that are left out of a stream mean: nothing there.
--rewrite puts what was really seen into the case (then edit what varies to `*`).
"""
import os
import re
import subprocess
import sys
import tempfile

TIMEOUT_S = 120


def matches_line(expected, seen):
    pattern = ".*".join(re.escape(part) for part in expected.split("*"))
    return re.fullmatch(pattern, seen, flags=re.DOTALL) is not None


def matches(expected, seen):
    """True where the lines `seen` are what was expected; `...` takes any number of lines."""
    if not expected:
        return not seen
    if expected[0] == "...":
        return any(matches(expected[1:], seen[i:]) for i in range(len(seen) + 1))
    return bool(seen) and matches_line(expected[0], seen[0]) and matches(expected[1:], seen[1:])


def parse(path):
    """The steps of a case: [command, stdout lines, stderr lines, exit code] and the remarks before each."""
    steps, remarks = [], []
    with open(path, encoding="utf-8") as case:
        for line in case.read().splitlines():
            if line.startswith("$ "):
                steps.append({"remarks": remarks, "command": line[2:], "1": [], "2": [], "code": 0})
                remarks = []
            elif line[:2] in ("1|", "2|"):
                steps[-1][line[0]].append(line[3:])
            elif line.startswith("=> "):
                steps[-1]["code"] = int(line[3:])
            elif line.startswith("> "):
                steps[-1]["command"] += "\n" + line[2:]
            else:
                remarks.append(line)
    return steps


def environment(heddle, source):
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("NEO4J_", "HEDDLE_")) or name in ("HEDDLE_TEST_BOLT_ENV", "HEDDLE_DUCKDB")}
    kept.update(PATH=os.path.dirname(heddle) + os.pathsep + kept["PATH"], SRC=source, NO_COLOR="1", CI="true",
                LC_ALL="C.UTF-8")
    return kept


def run_case(heddle, path, rewrite):
    source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    problems = []
    steps = parse(path)
    with tempfile.TemporaryDirectory() as folder:
        for step in steps:
            done = subprocess.run(["bash", "-c", step["command"]], cwd=folder, env=environment(heddle, source),
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False)
            seen = {"1": done.stdout.decode("utf-8", "replace").splitlines(),
                    "2": done.stderr.decode("utf-8", "replace").splitlines()}
            if rewrite:
                step.update(seen, code=done.returncode)
                continue
            for stream in "12":
                if not matches(step[stream], seen[stream]):
                    problems.append(f"{path}: $ {step['command']}\n  expected on {stream}:\n    "
                                    + "\n    ".join(step[stream]) + "\n  seen:\n    " + "\n    ".join(seen[stream]))
            if done.returncode != step["code"]:
                problems.append(f"{path}: $ {step['command']}\n  exit code {done.returncode}, expected {step['code']}; "
                                f"stderr: {seen['2'][-3:]}")
    if rewrite:
        with open(path, "w", encoding="utf-8") as case:
            for step in steps:
                case.writelines(line + "\n" for line in step["remarks"])
                case.write("$ " + step["command"].replace("\n", "\n> ") + "\n")
                for stream in "12":
                    case.writelines(f"{stream}| {line}".rstrip() + "\n" for line in step[stream])
                case.write(f"=> {step['code']}\n")
    return problems


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--rewrite"]
    heddle = os.path.abspath(arguments[0])
    failed = 0
    for path in arguments[1:]:
        problems = run_case(heddle, path, "--rewrite" in sys.argv)
        for problem in problems:
            print(problem)
        print(("FAILED " if problems else "passed ") + os.path.basename(path))
        failed += bool(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
