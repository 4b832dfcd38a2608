"""Writes a BERT encoder of a sentence-transformers directory as an ONNX file, for the tests of the ONNX engine.

usage: export_onnx.py MODEL_DIR OUT.onnx [int32] [positions] [sentence]

The graph is built here, node by node, from the same weights that the native engine reads, so that both have to agree.
int32: inputs of that type; positions: position_ids is an input; sentence: mean pooling and unit length inside the file.
Needs the packages onnx and numpy.
"""
import json
import struct
import sys
from pathlib import Path

import numpy
from onnx import TensorProto, helper, numpy_helper, save


def read_weights(path):
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    weights = {}
    for name, about in header.items():
        if name != "__metadata__" and about["dtype"] == "F32":
            begin, end = about["data_offsets"]
            data = numpy.frombuffer(raw[8 + length + begin : 8 + length + end], dtype="<f4")
            weights[name] = data.reshape(about["shape"])
    return weights


class Graph:
    """Nodes and constants in the order of their making; each method answers the name of what it computes."""

    def __init__(self, weights):
        self.weights, self.nodes, self.constants, self.known = weights, [], [], set()

    def constant(self, name, value):
        if name not in self.known:
            self.known.add(name)
            self.constants.append(numpy_helper.from_array(numpy.array(value, order="C"), name))
        return name

    def weight(self, name, transposed=False):
        value = self.weights[name]
        return self.constant(name + (".T" if transposed else ""), value.T if transposed else value)

    def add(self, kind, *inputs, output=None, **attributes):
        output = output or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def linear(self, name, value):
        product = self.add("MatMul", value, self.weight(name + ".weight", transposed=True))
        return self.add("Add", product, self.weight(name + ".bias"))

    def norm(self, name, value, epsilon):
        return self.add("LayerNormalization", value, self.weight(name + ".weight"), self.weight(name + ".bias"),
                        axis=-1, epsilon=epsilon)

    def gelu(self, value):
        scaled = self.add("Div", value, self.constant("sqrt2", numpy.float32(2**0.5)))
        gate = self.add("Add", self.add("Erf", scaled), self.constant("one", numpy.float32(1)))
        return self.add("Mul", self.add("Mul", value, gate), self.constant("half", numpy.float32(0.5)))

    def heads(self, value, config, order):
        heads = config["num_attention_heads"]
        shape = self.constant("split", numpy.array([0, 0, heads, config["hidden_size"] // heads], dtype="int64"))
        return self.add("Transpose", self.add("Reshape", value, shape), perm=order)

    def layer(self, prefix, states, bias, config):
        width = config["hidden_size"] // config["num_attention_heads"]
        query = self.heads(self.linear(prefix + "attention.self.query", states), config, [0, 2, 1, 3])
        key = self.heads(self.linear(prefix + "attention.self.key", states), config, [0, 2, 3, 1])
        value = self.heads(self.linear(prefix + "attention.self.value", states), config, [0, 2, 1, 3])
        scores = self.add("Div", self.add("MatMul", query, key), self.constant("scale", numpy.float32(width**0.5)))
        share = self.add("Softmax", self.add("Add", scores, bias), axis=-1)
        mixed = self.add("Transpose", self.add("MatMul", share, value), perm=[0, 2, 1, 3])
        flat = self.constant("join", numpy.array([0, 0, config["hidden_size"]], dtype="int64"))
        out = self.linear(prefix + "attention.output.dense", self.add("Reshape", mixed, flat))
        epsilon = config["layer_norm_eps"]
        states = self.norm(prefix + "attention.output.LayerNorm", self.add("Add", out, states), epsilon)
        inner = self.gelu(self.linear(prefix + "intermediate.dense", states))
        out = self.linear(prefix + "output.dense", inner)
        return self.norm(prefix + "output.LayerNorm", self.add("Add", out, states), epsilon)


def embed(graph, has_positions, config):
    words = graph.add("Gather", graph.weight("embeddings.word_embeddings.weight"), "input_ids")
    types = graph.add("Gather", graph.weight("embeddings.token_type_embeddings.weight"), "token_type_ids")
    table = graph.weight("embeddings.position_embeddings.weight")
    if has_positions:
        places = graph.add("Gather", table, "position_ids")
    else:
        tokens = graph.add("Gather", graph.add("Shape", "input_ids"), graph.constant("axis", numpy.int64(1)))
        zero, one = graph.constant("zero", numpy.int64(0)), graph.constant("step", numpy.int64(1))
        places = graph.add("Gather", table, graph.add("Range", zero, tokens, one))
    total = graph.add("Add", graph.add("Add", words, types), places)
    return graph.norm("embeddings.LayerNorm", total, config["layer_norm_eps"])


def pool(graph, mask, states):
    axes = graph.constant("last", numpy.array([2], dtype="int64"))
    rows = graph.constant("tokens", numpy.array([1], dtype="int64"))
    weights = graph.add("Unsqueeze", mask, axes)
    total = graph.add("ReduceSum", graph.add("Mul", states, weights), rows, keepdims=0)
    mean = graph.add("Div", total, graph.add("ReduceSum", weights, rows, keepdims=0))
    return graph.add("LpNormalization", mean, axis=-1, p=2)


def main():
    directory, out, words = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    config = json.loads((directory / "config.json").read_text())
    graph = Graph(read_weights(directory / "model.safetensors"))
    names = ["input_ids", "attention_mask", "token_type_ids"] + (["position_ids"] if "positions" in words else [])
    mask = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
    away = graph.add("Sub", graph.constant("all", numpy.float32(1)), mask)
    bias = graph.add("Mul", away, graph.constant("low", numpy.float32(-1e9)))
    bias = graph.add("Unsqueeze", bias, graph.constant("middle", numpy.array([1, 2], dtype="int64")))
    states = embed(graph, "positions" in words, config)
    for layer in range(config["num_hidden_layers"]):
        states = graph.layer(f"encoder.layer.{layer}.", states, bias, config)
    is_sentence = "sentence" in words
    name, shape = ("sentence_embedding", ["texts", config["hidden_size"]]) if is_sentence else (
        "last_hidden_state", ["texts", "tokens", config["hidden_size"]])
    graph.add("Identity", pool(graph, mask, states) if is_sentence else states, output=name)
    kind = TensorProto.INT32 if "int32" in words else TensorProto.INT64
    inputs = [helper.make_tensor_value_info(each, kind, ["texts", "tokens"]) for each in names]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)]
    made = helper.make_graph(graph.nodes, "encoder", inputs, outputs, graph.constants)
    save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), out)


main()
