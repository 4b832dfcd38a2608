"""The peers' model files, made from the same safetensors as everybody's: ONNX for ONNX Runtime and fastembed, OpenVINO's IR.

    embed_models.py MODEL_DIRECTORY OUT_DIRECTORY CALIBRATION_TEXTS

ONNX is written with ONNX Runtime's own fused operators (EmbedLayerNormalization, Attention, SkipLayerNormalization,
BiasGelu), which is what its optimiser makes of an export where every pattern is found: the strongest graph it has. The
int8 file is its dynamic quantisation of that graph, the OpenVINO int8 file NNCF's of weights and activations, calibrated
on 300 texts of the kind that is measured. Pooling and normalising are part of each graph, so that no peer pays for numpy.
One line of JSON a file: its name and seconds, or why it could not be made.
"""
import json
import pathlib
import sys
import time
import warnings

warnings.filterwarnings("ignore")

CALIBRATION_TEXTS = 300
MAX_TOKENS = 256


def config_of(model):
    return json.loads((model / "config.json").read_text())


class Graph:
    """A few lines of comfort over onnx.helper."""

    def __init__(self, weights):
        import onnx
        self.onnx, self.weights, self.nodes, self.constants = onnx, weights, [], []

    def constant(self, name, array):
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def weight(self, name, transpose=False):
        array = self.weights[name]
        return self.constant(name, array.T.copy() if transpose else array)

    def node(self, operator, inputs, outputs=None, domain="", **attributes):
        outputs = outputs or [f"{operator}_{len(self.nodes)}"]
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, outputs, domain=domain, **attributes))
        return outputs[0]


def bert_layer(graph, layer, hidden, config):
    import numpy
    prefix = f"encoder.layer.{layer}."
    parts = [prefix + f"attention.self.{part}." for part in ("query", "key", "value")]
    qkv = graph.constant(prefix + "qkv.weight",
                         numpy.concatenate([graph.weights[part + "weight"].T for part in parts], axis=1))
    bias = graph.constant(prefix + "qkv.bias", numpy.concatenate([graph.weights[part + "bias"] for part in parts]))
    context = graph.node("Attention", [hidden, qkv, bias, "mask"], domain="com.microsoft",
                         num_heads=config["num_attention_heads"])

    def norm(values, residual, name):
        return graph.node("SkipLayerNormalization",
                          [values, residual, graph.weight(name + ".LayerNorm.weight"),
                           graph.weight(name + ".LayerNorm.bias"), graph.weight(name + ".dense.bias")],
                          domain="com.microsoft", epsilon=config["layer_norm_eps"])

    out = graph.node("MatMul", [context, graph.weight(prefix + "attention.output.dense.weight", True)])
    hidden = norm(out, hidden, prefix + "attention.output")
    wide = graph.node("MatMul", [hidden, graph.weight(prefix + "intermediate.dense.weight", True)])
    wide = graph.node("BiasGelu", [wide, graph.weight(prefix + "intermediate.dense.bias")], domain="com.microsoft")
    return norm(graph.node("MatMul", [wide, graph.weight(prefix + "output.dense.weight", True)]), hidden,
                prefix + "output")


def pool(graph, hidden):
    """Mean over the tokens of a text, then unit length."""
    import numpy
    mask = graph.node("Cast", ["attention_mask"], to=1)
    wide = graph.node("Unsqueeze", [mask, graph.constant("one", numpy.array([1], numpy.int64))])
    total = graph.node("MatMul", [wide, hidden])  # (B,1,L) x (B,L,H)
    flat = graph.node("Squeeze", [total, "one"])
    length = graph.node("ReduceL2", [flat], axes=[1], keepdims=1)  # the mean's divisor falls out of a unit vector
    return graph.node("Div", [flat, length], ["sentence_embedding"])


def make_onnx(model, path, pooled):
    import onnx
    from safetensors.numpy import load_file
    config = config_of(model)
    graph = Graph(load_file(str(model / "model.safetensors")))
    ids = [graph.node("Cast", [name], to=6) for name in ("input_ids", "token_type_ids", "attention_mask")]
    names = ("word_embeddings", "position_embeddings", "token_type_embeddings")
    hidden = graph.node("EmbedLayerNormalization",
                        [ids[0], ids[1]] + [graph.weight(f"embeddings.{name}.weight") for name in names]
                        + [graph.weight("embeddings.LayerNorm.weight"), graph.weight("embeddings.LayerNorm.bias")],
                        ["embedded", "no_mask"], domain="com.microsoft", epsilon=config["layer_norm_eps"])
    graph.node("Identity", [ids[2]], ["mask"])
    for layer in range(config["num_hidden_layers"]):
        hidden = bert_layer(graph, layer, hidden, config)
    if pooled:
        pool(graph, hidden)
        output = onnx.helper.make_tensor_value_info("sentence_embedding", 1, ["batch", config["hidden_size"]])
    else:
        graph.node("Identity", [hidden], ["last_hidden_state"])
        output = onnx.helper.make_tensor_value_info("last_hidden_state", 1, ["batch", "tokens", config["hidden_size"]])
    inputs = [onnx.helper.make_tensor_value_info(name, 7, ["batch", "tokens"])
              for name in ("input_ids", "attention_mask", "token_type_ids")]
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("com.microsoft", 1)]
    made = onnx.helper.make_graph(graph.nodes, "bert", inputs, [output], graph.constants)
    onnx.save(onnx.helper.make_model(made, opset_imports=opsets, ir_version=8), str(path))


def make_onnx_int8(source, path):
    from onnxruntime.quantization import QuantType, quantize_dynamic
    # One scale a channel: as fast here as one a tensor, and far more exact (golden texts: cosine 0.990 against 0.944).
    quantize_dynamic(str(source), str(path), weight_type=QuantType.QInt8, per_channel=True,
                     op_types_to_quantize=["MatMul", "Attention"],
                     extra_options={"MatMulConstBOnly": True, "DefaultTensorType": 1})


def make_openvino(model, path):
    import openvino
    import torch
    from transformers import BertModel

    class Pooled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bert = BertModel.from_pretrained(str(model), add_pooling_layer=False, attn_implementation="sdpa")

        def forward(self, input_ids, attention_mask, token_type_ids):
            hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask,
                               token_type_ids=token_type_ids).last_hidden_state
            mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
            return torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1)

    example = {"input_ids": torch.ones(2, 7, dtype=torch.int64), "attention_mask": torch.ones(2, 7, dtype=torch.int64),
               "token_type_ids": torch.zeros(2, 7, dtype=torch.int64)}
    with torch.no_grad():
        converted = openvino.convert_model(Pooled().eval(), example_input=example,
                                           input=[(name, [-1, -1], openvino.Type.i64) for name in example])
    openvino.save_model(converted, str(path), compress_to_fp16=False)


def make_openvino_int8(model, source, path, texts):
    import nncf
    import numpy
    import openvino
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)

    def inputs(text):
        ids = numpy.array([tokenizer.encode(text).ids], numpy.int64)
        return {"input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids)}

    lines = [json.loads(line) for line in pathlib.Path(texts).read_text(encoding="utf-8").splitlines()]
    quantised = nncf.quantize(openvino.Core().read_model(str(source)), nncf.Dataset(lines, inputs),
                              model_type=nncf.ModelType.TRANSFORMER, subset_size=CALIBRATION_TEXTS)
    openvino.save_model(quantised, str(path), compress_to_fp16=False)


def main():
    model, out, texts = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    out.mkdir(parents=True, exist_ok=True)
    steps = (("pooled.onnx", lambda path: make_onnx(model, path, True)),
             ("hidden.onnx", lambda path: make_onnx(model, path, False)),
             ("pooled-int8.onnx", lambda path: make_onnx_int8(out / "pooled.onnx", path)),
             ("pooled.xml", lambda path: make_openvino(model, path)),
             ("pooled-int8.xml", lambda path: make_openvino_int8(model, out / "pooled.xml", path, texts)))
    for name, make in steps:
        start = time.monotonic()
        note = {"file": name}
        try:
            if not (out / name).exists():
                make(out / name)
            note["seconds"] = round(time.monotonic() - start, 1)
        except Exception as error:  # a peer that fails is named, whatever the reason
            note["error"] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:300]
        print(json.dumps(note), flush=True)


if __name__ == "__main__":
    main()
