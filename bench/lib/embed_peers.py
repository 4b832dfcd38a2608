"""One peer's engine as a worker: requests on stdin, answers on stdout, one JSON object a line, as bench/embed_texts.c.

    embed_peers.py ENGINE --model DIR --files DIR      files: what embed_models.py made

    {"do": "sweep", "texts": FILE, "threads": N, "kept": K}  tries batch sizes (and, for two threads and more, one batch
                                                       split over them against one batch each); keeps the best under K
    {"do": "time", "texts": FILE, "threads": N, "seconds": S, "kept": K[, "whole": true]}   whole: tokenising included
    {"do": "vectors", "texts": FILE, "out": FILE}      caller's order, batches of 32, one thread: as applications call
    {"do": "tokenize", "texts": FILE, "seconds": S}    HF `tokenizers`, one thread

Each engine gets its best case: texts sorted by length (so hardly any padding), every shape seen before it is timed, pooling
inside the graph. encode() and embed() of sentence-transformers and fastembed are timed as a user calls them.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import resource
import sys
import time
import warnings

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", OMP_WAIT_POLICY="PASSIVE",
                  HF_HUB_DISABLE_TELEMETRY="1", TRANSFORMERS_VERBOSITY="error", NO_COLOR="1")
os.environ.pop("OMP_NUM_THREADS", None)
warnings.filterwarnings("ignore")

MAX_TOKENS = 256
BATCH_TOKENS = (256, 512, 1024, 2048)  # of a batch, tried by the sweep
QUICK_TOKENS = 512                     # where nothing is tried
SWEEP_TOKENS = 1024                    # about, of one try: whole batches
CALLER_BATCH = 32
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class Refused(Exception):
    """This engine cannot run here, or not in this way; the text says why."""


def texts_of(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text(encoding="utf-8").split("\n") if line]


def padded(ids):
    """Token ids of one batch as the three inputs of a BERT graph."""
    import numpy
    width = max(len(line) for line in ids)
    table = numpy.zeros((len(ids), width), numpy.int64)
    mask = numpy.zeros((len(ids), width), numpy.int64)
    for row, line in enumerate(ids):
        table[row, :len(line)] = line
        mask[row, :len(line)] = 1
    return dict(zip(INPUTS, (table, mask, numpy.zeros_like(table))))


class Engine:
    """A graph that takes padded batches. Subclasses make `runner(threads, lanes)`: a function of a list of batches that
    answers their vectors; lanes batches at a time, each with threads/lanes threads."""
    lanes_possible = True
    compiles = True  # for each shape that is new, or plans memory for it

    def __init__(self, model, files):
        import numpy
        from tokenizers import Tokenizer
        self.numpy, self.model, self.files, self.runners = numpy, model, files, {}
        self.tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MAX_TOKENS)
        start = time.monotonic()
        self.open()
        self.run(1, 1)
        self.load_s = time.monotonic() - start

    def open(self):
        pass

    def run(self, threads, lanes):
        if (threads, lanes) not in self.runners:
            self.runners[threads, lanes] = self.runner(threads, lanes)
        return self.runners[threads, lanes]

    def in_lanes(self, call, lanes):
        """Batches one after the other, or `lanes` of them at once."""
        if lanes == 1:
            return lambda batches: [call(batch) for batch in batches]
        pool = concurrent.futures.ThreadPoolExecutor(lanes)
        return lambda batches: list(pool.map(call, batches))

    def ids(self, texts):
        return [line.ids for line in self.tokenizer.encode_batch(texts)]

    def batches(self, ids, size):
        """Sorted by length, longest first, so that the last batches are short ones."""
        order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
        return [padded([ids[i] for i in order[first:first + size]]) for first in range(0, len(order), size)]

    def warm(self, texts, plan, whole):
        """A pass over the texts with a plan; what is made beforehand is not timed."""
        batches = None if whole else self.batches(self.ids(texts), plan["batch"])
        run = self.run(plan["threads"], plan["lanes"])
        return lambda: run(batches if batches is not None else self.batches(self.ids(texts), plan["batch"]))

    def plans(self, threads, length, best):
        """What to try. With more threads: a batch on each, of the size that was best for one (`best`, or None), or one
        batch split over all, of that size or larger."""
        sizes = sorted({max(1, tokens // length) for tokens in BATCH_TOKENS})
        if threads == 1 or best is None:
            return [{"threads": threads, "lanes": 1, "batch": size} for size in sizes]
        split = [{"threads": threads, "lanes": 1, "batch": best * times} for times in (1, 2, 4)]
        return split + ([{"threads": threads, "lanes": threads, "batch": best}] if self.lanes_possible else [])

    def sample(self, texts, plan):
        """Texts for one try: some of the batches that the sorted whole would give."""
        ids = sorted(self.ids(texts), key=len)
        size = plan["batch"]
        groups = [ids[first:first + size] for first in range(0, len(ids), size)]
        mean = sum(map(len, ids)) / len(groups)
        wanted = max(plan["lanes"], round(SWEEP_TOKENS / mean))
        step = max(1, len(groups) // wanted)
        batches = [padded(group) for group in groups[step // 2::step][:wanted]]
        tokens = sum(int(batch["attention_mask"].sum()) for batch in batches)
        run = self.run(plan["threads"], plan["lanes"])
        shapes = {batch["input_ids"].shape: batch for batch in batches}
        run(list(shapes.values()) * plan["lanes"])  # once each: some engines compile for a shape
        return tokens, lambda: run(batches)

    def vectors(self, texts):
        ids = self.ids(texts)
        batches = [padded(ids[first:first + CALLER_BATCH]) for first in range(0, len(ids), CALLER_BATCH)]
        return self.numpy.concatenate(self.run(1, 1)(batches))


class Torch(Engine):
    precision = "float32"
    compiles = False

    def open(self):
        import torch
        from transformers import BertModel
        self.torch = torch
        if self.precision == "bfloat16" and "avx512_bf16" not in pathlib.Path("/proc/cpuinfo").read_text():
            raise Refused("this CPU has no bf16 instructions")
        self.bert = BertModel.from_pretrained(str(self.model), add_pooling_layer=False,
                                              dtype=getattr(torch, self.precision)).eval()

    def runner(self, threads, lanes):
        torch = self.torch

        def call(batch):
            torch.set_num_threads(threads // lanes)
            with torch.inference_mode():
                inputs = {name: torch.from_numpy(batch[name]) for name in INPUTS}
                hidden = self.bert(**inputs).last_hidden_state.float()
                mask = inputs["attention_mask"].unsqueeze(-1).float()
                vectors = (hidden * mask).sum(1) / mask.sum(1)
                return torch.nn.functional.normalize(vectors, dim=1).numpy()

        return self.in_lanes(call, lanes)


class TorchBf16(Torch):
    precision = "bfloat16"


class Onnx(Engine):
    file = "pooled.onnx"

    def runner(self, threads, lanes):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads // lanes
        options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(self.files / self.file), options, ["CPUExecutionProvider"])
        return self.in_lanes(lambda batch: session.run(None, batch)[0], lanes)


class OnnxInt8(Onnx):
    file = "pooled-int8.onnx"


class OpenVino(Engine):
    file = "pooled.xml"
    hint = "f32"

    def open(self):
        import openvino
        self.core = openvino.Core()
        self.openvino = openvino
        wanted = {"bf16": "BF16", "f32": "FP32"}[self.hint]
        if wanted not in self.core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise Refused(f"OpenVINO says that this CPU has no {wanted}")

    def runner(self, threads, lanes):
        compiled = self.core.compile_model(str(self.files / self.file), "CPU", {
            "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": lanes, "ENABLE_CPU_PINNING": False,
            "INFERENCE_PRECISION_HINT": self.hint})
        if lanes == 1:
            request = compiled.create_infer_request()
            return lambda batches: [request.infer(batch)[0].copy() for batch in batches]

        def run(batches):
            results = [None] * len(batches)
            queue = self.openvino.AsyncInferQueue(compiled, lanes)
            queue.set_callback(lambda request, i: results.__setitem__(i, request.get_output_tensor(0).data.copy()))
            for i, batch in enumerate(batches):
                queue.start_async(batch, i)
            queue.wait_all()
            return results

        return run


class OpenVinoBf16(OpenVino):
    hint = "bf16"


class OpenVinoInt8(OpenVino):
    file = "pooled-int8.xml"


class Api(Engine):
    """A package's own call, from texts to vectors: it tokenises, sorts and pads by itself."""
    lanes_possible = False
    compiles = False

    def runner(self, threads, lanes):
        return None

    def sample(self, texts, plan):
        """A part of the texts as they come: sorting them is the package's business."""
        ids = self.ids(texts)
        count = min(len(texts), max(plan["batch"], round(SWEEP_TOKENS / (sum(map(len, ids)) / len(ids)))))
        return sum(map(len, ids[:count])), lambda: self.encode(texts[:count], plan)

    def warm(self, texts, plan, whole):
        if not whole:
            raise Refused("it tokenises by itself: see the figures with tokenising")
        return lambda: self.encode(texts, plan)

    def vectors(self, texts):
        return self.numpy.asarray(self.encode(texts, {"threads": 1, "batch": CALLER_BATCH}))


class SentenceTransformers(Api):
    def open(self):
        import torch
        from sentence_transformers import SentenceTransformer
        self.torch = torch
        self.encoder = SentenceTransformer(str(self.model), device="cpu")

    def encode(self, texts, plan):
        self.torch.set_num_threads(plan["threads"])
        return self.encoder.encode(texts, batch_size=plan["batch"], normalize_embeddings=True,
                                   show_progress_bar=False)


class FastEmbed(Api):
    """Its custom model: the same weights, from a folder with an ONNX file and the tokenizer's files."""

    def open(self):
        from fastembed import TextEmbedding
        from fastembed.common.model_description import ModelSource, PoolingType
        folder = self.files / "fastembed"
        folder.mkdir(exist_ok=True)
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
            (folder / name).write_bytes((self.model / name).read_bytes())
        # Its own tokenizer set-up takes the length from here; the model's is 256 (sentence_bert_config.json).
        settings = json.loads((folder / "tokenizer_config.json").read_text())
        settings.update(model_max_length=MAX_TOKENS, max_length=MAX_TOKENS)
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
        link = folder / "model.onnx"
        if not link.exists():
            os.link(self.files / "hidden.onnx", link)
        TextEmbedding.add_custom_model(model="local/minilm", pooling=PoolingType.MEAN, normalization=True,
                                       sources=ModelSource(hf="local/minilm"), dim=384, model_file="model.onnx")
        self.embedders = {}
        self.embedder(1)

    def embedder(self, threads):
        from fastembed import TextEmbedding
        if threads not in self.embedders:
            self.embedders[threads] = TextEmbedding("local/minilm", threads=threads,
                                                    specific_model_path=str(self.files / "fastembed"),
                                                    providers=["CPUExecutionProvider"])
        return self.embedders[threads]

    def encode(self, texts, plan):
        ordered = sorted(texts, key=len) if plan.get("sorted") else texts
        return list(self.embedder(plan["threads"]).embed(ordered, batch_size=plan["batch"]))

    def plans(self, threads, length, best):
        """It pads texts in the order they come: sorting them first is a caller's trick that helps it."""
        return [{**plan, "sorted": True} for plan in super().plans(threads, length, best)]


ENGINES = {"st": SentenceTransformers, "torch-fp32": Torch, "torch-bf16": TorchBf16, "ort-fp32": Onnx,
           "ort-int8": OnnxInt8, "openvino-fp32": OpenVino, "openvino-bf16": OpenVinoBf16,
           "openvino-int8": OpenVinoInt8, "fastembed": FastEmbed}


def timed(run):
    """CPU seconds of all threads, and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    run()
    return time.process_time() - cpu, time.perf_counter() - wall


def answer_sweep(engine, kept, request):
    texts = texts_of(request["texts"])
    length = max(1, round(sum(map(len, engine.ids(texts))) / len(texts)))
    one = kept.get(request["kept"].split("/")[0] + "/1", {}).get("batch")
    plans = engine.plans(request["threads"], length, one)
    if request.get("quick"):  # one size, untried
        plans = [{**plan, "batch": max(1, QUICK_TOKENS // length)} for plan in (plans[0], plans[-1])]
        kept[request["kept"]], kept[request["kept"] + "/split"] = plans[-1], plans[0]
        return {"best": plans[-1], "split": plans[0], "tried": []}
    tried = []
    for plan in plans:
        tokens, run = engine.sample(texts, plan)
        tried.append((tokens / min(timed(run)[1] for _ in range(2)), plan))
    best = max(tried, key=lambda entry: entry[0])
    split = max((entry for entry in tried if entry[1]["lanes"] == 1), key=lambda entry: entry[0])
    kept[request["kept"]] = best[1]
    kept[request["kept"] + "/split"] = split[1]
    return {"best": best[1], "split": split[1],
            "tried": [{"batch": plan["batch"], "lanes": plan["lanes"], "tokens_per_s": round(rate)}
                      for rate, plan in tried]}


def answer_time(engine, kept, request, warm):
    texts, plan, whole = texts_of(request["texts"]), kept[request["kept"]], request.get("whole", False)
    key = request["texts"], request["kept"], whole
    if key not in warm:
        seen = any(known[:2] == key[:2] for known in warm)
        warm[key] = engine.warm(texts, plan, whole)
        if not seen and request.get("quick") and not engine.compiles:
            engine.sample(texts, plan)[1]()
        elif not seen:
            warm[key]()  # every shape once
    start, cpu_best, wall_best, rounds = time.perf_counter(), 1e30, 1e30, 0
    while rounds == 0 or time.perf_counter() - start < request["seconds"]:
        cpu, wall = timed(warm[key])
        cpu_best, wall_best, rounds = min(cpu, cpu_best), min(wall, wall_best), rounds + 1
    return {"texts": len(texts), "tokens": sum(map(len, engine.ids(texts))), "rounds": rounds, "cpu_s": cpu_best,
            "wall_s": wall_best, "batch": plan["batch"], "lanes": plan["lanes"],
            "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
            "load_ms": engine.load_s * 1e3}


def answer_vectors(engine, request):
    vectors = engine.vectors(texts_of(request["texts"])).astype("float32")
    vectors.tofile(request["out"])
    return {"texts": int(vectors.shape[0]), "dimensions": int(vectors.shape[1])}


def answer_tokenize(engine, request):
    texts, best, start = texts_of(request["texts"]), 1e30, time.perf_counter()
    while best == 1e30 or time.perf_counter() - start < request["seconds"]:
        # TOKENIZERS_PARALLELISM=false: encode_batch is its fastest way on one thread
        best = min(best, timed(lambda: engine.tokenizer.encode_batch_fast(texts))[0])
    return {"texts": len(texts), "tokens": sum(map(len, engine.ids(texts))), "cpu_s": best}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--files", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what packages print goes to stderr

    def reply(answer):
        print(json.dumps(answer), file=out, flush=True)

    def describe(error):
        first = (str(error).strip().splitlines() or [""])[0]
        return first if isinstance(error, Refused) else f"{type(error).__name__}: {first}"[:200]

    try:
        engine = ENGINES[arguments.engine](arguments.model, arguments.files)
    except Exception as error:  # a peer that fails is named, whatever the reason
        reply({"error": describe(error)})
        return
    reply({"ready": arguments.engine})
    kept, warm = {}, {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply({"sweep": lambda: answer_sweep(engine, kept, request),
                   "time": lambda: answer_time(engine, kept, request, warm),
                   "vectors": lambda: answer_vectors(engine, request),
                   "tokenize": lambda: answer_tokenize(engine, request)}[request["do"]]())
        except Exception as error:
            reply({"error": describe(error)})


if __name__ == "__main__":
    main()
