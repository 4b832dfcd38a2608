"""What bench/embed measures with and on: the texts, the engines and the processes that run them. Standard library only."""
import hashlib
import json
import random
import select
import shutil
import subprocess

import benchlib as lib

WORKER = lib.ROOT / "build" / "release" / "bench" / "embed_texts"
FILES = lib.WORK / "embed-models"
TEXTS = lib.WORK / "embed-texts"
GOLDEN = lib.ROOT / "tests" / "golden" / "embed" / "golden.jsonl"
PACKAGES = ("packages-embed.txt",)
ANSWER_SECONDS = 600  # of patience with one request
MIXED_TEXTS = 2000
SEED = 20261121

# name, what the table calls it. Those of heddle first.
HEDDLE = (("heddle-fp32", "heddle fp32"), ("heddle-bf16", "heddle bf16"), ("heddle-int8", "heddle int8"))
PEERS = (("st", "sentence-transformers encode *"), ("torch-fp32", "torch fp32"), ("torch-bf16", "torch bf16"),
         ("ort-fp32", "ONNX Runtime fp32"), ("ort-int8", "ONNX Runtime int8, dynamic"),
         ("openvino-fp32", "OpenVINO fp32"), ("openvino-bf16", "OpenVINO bf16"),
         ("openvino-int8", "OpenVINO int8 (NNCF)"), ("fastembed", "fastembed fp32, sorted *"))
LABELS = dict(HEDDLE + PEERS)
WHOLE_ONLY = ("st", "fastembed")  # packages that are called with texts: their figures hold their tokenising

# Each is one token of BERT's vocabulary, so a text of n words has n + 2 tokens.
WORDS = """engine pump pressure valve removed failed during inspection crew reported low oil warning light replace unit leak
found at gate left right main gear brake wheel tire worn beyond limits fuel control system flight test passed panel door
sensor fault returned service after check no power battery voltage drop vibration cabin air filter blocked cleaned and again
hydraulic line loose""".split()

PARTS = ("hydraulic pump", "FUEL BOOST PUMP", "bleed valve", "APU starter", "brake assembly", "weather radar", "IDG",
         "oil pressure sensor", "ELEVATOR ACTUATOR", "nose wheel steering valve", "cabin pressure controller",
         "flap drive motor", "display unit", "VHF transceiver", "landing gear selector", "main battery",
         "window heat controller", "Oxygen regulator", "fuel nozzle", "pitot probe")
FAULTS = ("leaking at the case drain", "FAILED IN FLIGHT", "intermittent fault", "will not hold pressure",
          "circuit breaker trips", "indication erratic", "worn beyond limits", "stuck in transit", "overheats",
          "vibration high", "no output", "chip light on", "found cracked", "burning smell", "fails self test")
FOUND = ("during climb", "on preflight check", "after landing", "at the gate", "in cruise at FL{0}", "during A check",
         "by the crew at {0} hours", "on the walk around", "during taxi", "with engine {1} running")
MORE = ("Fault code {0}-{1} set.", "Replaced, leak check good.", "Second report this month.", "Unit sent to shop.",
        "Repaired IAW AMM {0}-{1}.", "Ops check normal.", "No fault found on ground.", "Flight delayed {0} min.")


def removal_reason(number):
    """A reason for a removal of 40 to 200 characters, about 22 tokens."""
    def pick(phrases):
        return number.choice(phrases).format(number.randint(10, 480), number.randint(1, 99))

    text = " ".join(pick(phrases) for phrases in (PARTS, FAULTS, FOUND))
    while len(text) < 40 or number.random() < 0.65:
        text += (" " if text.endswith(".") else ". ") + pick(MORE)
    return text[:200].strip()


def distinct(make, count):
    """Equal texts would be embedded once: all differ, so that everybody embeds as many."""
    seen = {}
    while len(seen) < count:
        seen[make()] = None
    return list(seen)


def write_texts(name, texts):
    TEXTS.mkdir(parents=True, exist_ok=True)
    path = TEXTS / f"{name}.jsonl"
    path.write_text("".join(json.dumps(text, ensure_ascii=False) + "\n" for text in texts), encoding="utf-8")
    return str(path)


def make_sets(lengths, tokens, mixed):
    """{name: file}: texts of fixed length, each set of about `tokens`, and the mixed one."""
    sets = {}
    for length in lengths:
        number = random.Random(SEED + length)
        texts = distinct(lambda: " ".join(number.choices(WORDS, k=length - 2)), max(1, tokens // length))
        sets[str(length)] = write_texts(f"tokens-{length}-{len(texts)}", texts)
    number = random.Random(SEED)
    sets["mixed"] = write_texts(f"mixed-{mixed}", distinct(lambda: removal_reason(number), mixed))
    return sets


def make_calibration():
    """For OpenVINO's int8: of the measured kind, but no measured text."""
    number = random.Random(SEED + 1)
    return write_texts("calibration", distinct(lambda: removal_reason(number), 300))


def make_shuffled(path):
    """The same texts in another order: (file, where each of its texts stands in the first)."""
    with open(path, encoding="utf-8") as file:
        texts = [json.loads(line) for line in file]
    order = list(range(len(texts)))
    random.Random(SEED).shuffle(order)
    return write_texts("shuffled", [texts[i] for i in order]), order


def make_golden():
    with open(GOLDEN, encoding="utf-8") as file:
        return write_texts("golden", [json.loads(line)["text"] for line in file])


def make_models(python):
    """The peers' files, made once for these packages; {file: why it is missing}."""
    maker = lib.LIB / "embed_models.py"
    key = hashlib.sha256(maker.read_bytes() + (lib.LIB / PACKAGES[0]).read_bytes()).hexdigest()
    stamp = FILES / "made-for"
    if not stamp.exists() or stamp.read_text() != key:
        shutil.rmtree(FILES, ignore_errors=True)
        FILES.mkdir(parents=True)
        lib.say("making the peers' model files from the same weights (about 40 s, once) …")
    run = subprocess.run([str(python), str(maker), str(lib.MODEL), str(FILES), make_calibration()],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    notes = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    stamp.write_text(key)
    return {note["file"]: note["error"] for note in notes if "error" in note}


class Gone(Exception):
    """An engine that is not there, or no more; the text says why."""


class Worker:
    """One engine in a process of its own, kept alive, asked by lines of JSON."""

    def __init__(self, name, python):
        self.name = name
        if name.startswith("heddle-"):
            command = [str(WORKER), "--model", str(lib.MODEL), "--precision", name.split("-")[1], "--serve"]
        else:
            command = [str(python), str(lib.LIB / "embed_peers.py"), name, "--model", str(lib.MODEL), "--files", str(FILES)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, env=lib.environment_for({}))
        self.kernel = None

    def read(self):
        if not select.select([self.process.stdout], [], [], ANSWER_SECONDS)[0]:
            raise Gone(f"no answer in {ANSWER_SECONDS} s")
        line = self.process.stdout.readline()
        if not line:
            raise Gone(f"its process ended with exit code {self.process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise Gone(answer["error"])
        return answer

    def start(self):
        """Waits until it is loaded."""
        self.kernel = self.read()["ready"]

    def ask(self, verb, **request):
        try:
            self.process.stdin.write(json.dumps({"do": verb, **request}) + "\n")
            self.process.stdin.flush()
        except OSError as error:
            raise Gone(f"its process is gone: {error}") from error
        return self.read()

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def operations_a_token(length):
    """Multiplications and additions that the encoder needs for one token of a text of `length` tokens."""
    config = json.loads((lib.MODEL / "config.json").read_text())
    hidden, wide = config["hidden_size"], config["intermediate_size"]
    return config["num_hidden_layers"] * (2 * (4 * hidden * hidden + 2 * hidden * wide) + 4 * hidden * length)
