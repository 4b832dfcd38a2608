"""What the comparisons in bench/ share: paths, the peers' packages, servers, machine, tables and the last line of JSON.

Standard library only: the packages of the peers are needed by the peers alone, which run in a Python of their own.
"""
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPS = ROOT / "build" / "deps"
HEDDLE = ROOT / "build" / "release" / "bin" / "heddle"
MODEL = DEPS / "models" / "all-MiniLM-L6-v2"
WORK = ROOT / "build" / "bench"
VENV = DEPS / "venv-bench"
LIB = ROOT / "bench" / "lib"
PACKAGES = LIB / "packages.txt"
SEED = 7
JOB = ROOT / "examples" / "removals.yaml"
JOB_TABLE = "build/demo/removals"


def say(text):
    """Progress goes to stderr: stdout is the result."""
    print(text, file=sys.stderr, flush=True)


def fail(text):
    say(f"{pathlib.Path(sys.argv[0]).name}: {text}")
    sys.exit(1)


def need_heddle():
    if not HEDDLE.exists():
        fail("build/release/bin/heddle is not there: run `make` first")
    if not MODEL.exists():
        fail("the MiniLM weights are not there: run `scripts/bootstrap --for run` first")


def peer_python(more=()):
    """The Python with the peers' packages, installed once; None where they are not there and may not be fetched. `more`
    names lists beside packages.txt (`packages-embed.txt`); all live in one environment."""
    python = VENV / "bin" / "python"
    lists = [PACKAGES] + [LIB / name for name in more]
    missing = [path for path in lists
               if not (VENV / path.name).exists() or (VENV / path.name).read_text() != path.read_text()]
    if not missing:
        return python
    names = [line for path in missing for line in path.read_text().splitlines() if line and not line.startswith("#")]
    say(f"The peers need Python packages: {', '.join(names)} and what they depend on.")
    say(f"That is about {'2.5 GB to fetch and 6 GB' if PACKAGES in missing else '0.2 GB to fetch and 0.6 GB'} on disk"
        f"{' (torch brings CUDA along)' if PACKAGES in missing else ''}, into build/deps/venv-bench.")
    if not (os.environ.get("YES") == "1" or os.environ.get("CI") == "true"):
        if not sys.stdin.isatty():
            say("Nothing was fetched: there is no terminal to ask. Run again with YES=1.")
            return None
        say("Fetch them now? [y/N]")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            return None
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True, stdout=sys.stderr)
        # All lists each time, so that what is there stays what it is.
        install(python, *(part for path in lists for part in ("-r", str(path))))
    except subprocess.CalledProcessError as error:
        say(f"The packages could not be installed: {error}")
        return install_singly(python, lists[1:])
    for path in lists:
        shutil.copyfile(path, VENV / path.name)
    return python


def install(python, *what):
    subprocess.run([str(python), "-m", "pip", "install", "--no-cache-dir", *what], check=True, stdout=sys.stderr)


def install_singly(python, lists):
    """Whatever of `lists` can be had here, so that one package without a build for this machine costs one peer only. The
    Python, or None where not even the plain way's packages are there."""
    if not lists:
        return None
    try:
        install(python, "-r", str(PACKAGES))
    except (subprocess.CalledProcessError, OSError):
        return None
    for name in (line for path in lists for line in path.read_text().splitlines() if line and not line.startswith("#")):
        try:
            install(python, "-r", str(PACKAGES), name)
        except subprocess.CalledProcessError:
            say(f"{name} cannot be installed here")
    return python


def machine():
    """What the figures were measured on."""
    model = platform.machine()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = 0
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal"):
            memory = int(line.split()[1]) // 1024
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "memory_mib": memory,
            "kernel": platform.release(), "load_before": round(os.getloadavg()[0], 2)}


def environment_for(env):
    """The environment of a process that must reach this server and no other: what a user has set for a database of their own
    (NEO4J_*, HEDDLE_*) is left out."""
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith(("NEO4J_", "HEDDLE_")) or name in ("HEDDLE_JAVA", "HEDDLE_DUCKDB")}
    clean.update(env)
    return clean


def make_table(rows, seed=SEED, form="delta", name=None, more=()):
    """A table of generated removals, made once for a number of rows. `more` are further arguments of `heddle generate`; tables that they
    make different have a `name` of their own."""
    WORK.mkdir(parents=True, exist_ok=True)
    path = WORK / f"{name or f'removals-{rows}'}.{form}"
    if not path.exists():
        new = path.with_suffix(".new")
        say(f"making {rows:,} removal events: {path.relative_to(ROOT)}")
        # A folder that an earlier run left half made would be kept.
        shutil.rmtree(new, ignore_errors=True)
        subprocess.run([str(HEDDLE), "generate", "removals", "--rows", str(rows), "--seed", str(seed), "--format",
                        form, *map(str, more), "-o", str(new)], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        new.rename(path)
    return path


def make_job(table, name, change=None):
    """The job file of the demo with another table. Removal dates stay text for both sides where `change` says so."""
    text = JOB.read_text()
    if JOB_TABLE not in text:
        fail(f"{JOB} no longer reads {JOB_TABLE}")
    text = text.replace(JOB_TABLE, str(table))
    if change is not None:
        text = change(text)
    path = WORK / f"{name}.yaml"
    path.write_text(text)
    return path


class Server:
    """A Neo4j server of its own for one side, started by scripts/neo4j and removed with its data."""

    def __init__(self, name, version=None, heap="1536m", pagecache="1g", port=None, keep=False):
        """`keep`: a server that was left running, with its data, is used again."""
        self.name = name
        self.env = {}
        command = [str(ROOT / "scripts" / "neo4j"), "start", "--name", name, "--http-port", "0", "--heap", heap,
                   "--pagecache", pagecache]
        if version:
            command += ["--version", version]
        if port:
            command += ["--port", str(port)]
        if not keep:
            self.call("remove", check=False)
        subprocess.run(command, check=True, stdout=sys.stderr)
        self.pid = int(self.call("pid").strip())
        for line in self.env_file.read_text().splitlines():
            if "=" in line:
                key, value = line.split("=", 1)
                self.env[key] = value

    def call(self, what, check=True):
        run = subprocess.run([str(ROOT / "scripts" / "neo4j"), what, "--name", self.name], check=check,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL if not check else None, text=True)
        return run.stdout

    @property
    def env_file(self):
        return ROOT / "build" / "neo4j" / self.name / "env"

    def cpu(self):
        """CPU seconds of the server so far."""
        return process_cpu(self.pid)

    def empty(self):
        """Takes away what a load of the demo's job wrote: for the quick run, where both sides share a server."""
        statements = ["MATCH (n) DETACH DELETE n", "DROP INDEX removal_embedding IF EXISTS"]
        names = ("removal_id", "aircraft_id", "component_id", "heddle_load_id")
        statements += [f"DROP CONSTRAINT {name} IF EXISTS" for name in names]
        for statement in statements:
            subprocess.run([str(HEDDLE), "cypher", statement, "--to", self.env["NEO4J_URI"], "--quiet"], check=True,
                           stdout=subprocess.DEVNULL, env=environment_for(self.env))

    def remove(self):
        self.call("remove", check=False)


def process_cpu(pid):
    """CPU seconds, user and system, that a process has used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_measured(command, **options):
    """Runs a command; answers its result, wall seconds, CPU seconds and largest RSS in bytes."""
    start = time.monotonic()
    process = subprocess.Popen(command, **options)
    output = process.stdout.read() if process.stdout is not None else ""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return {"code": process.returncode, "output": output, "wall": time.monotonic() - start,
            "cpu": usage.ru_utime + usage.ru_stime, "rss": usage.ru_maxrss * 1024}


def print_table(heads, rows):
    """Columns: the first to the left, the others to the right."""
    cells = [heads] + rows
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    for row in cells:
        print("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                        for i, (cell, width) in enumerate(zip(row, widths))).rstrip())


def print_result(name, where, figures, ratios):
    """The last line: one object for programs."""
    print(json.dumps({"bench": name, "machine": where, "figures": figures, "ratios": ratios}))
