"""Variations of a tokenizer.json for the differential test: other switches, other vocabularies, other added tokens.

Each is (name, share of the texts, changed file). A vocabulary of single characters shows every wrong or misplaced
character, which would hide in an unknown word otherwise.
"""
import base64
import copy
import random
import struct

from random_texts import CLUSTERS, INTERESTING

REGEX = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}


def points():
    """Not surrogates; not U+0000, which our JSON reader refuses."""
    return [p for p in (*range(1, 0x30000), 0x10FFFF, 0x100000, 0xF0000, 0xFFFFD) if not 0xD800 <= p <= 0xDFFF]


def token(content, **flags):
    default = {"id": 0, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    return {**default, "content": content, **flags}


def with_added_tokens(root):
    """Every kind of added token, overlapping ones too; some are in the vocabulary, some behind it."""
    root = copy.deepcopy(root)
    root["added_tokens"] += [
        token("tok"), token("tokens"), token("Token", normalized=True), token("@@", single_word=True),
        token("strip_l", lstrip=True), token("strip_r", rstrip=True), token("strip_b", lstrip=True, rstrip=True),
        token("strip_l", lstrip=True, normalized=True), token("[one]", single_word=True, normalized=True, lstrip=True),
        token("ﬁn", normalized=True, rstrip=True), token("é"), token(" x"), token("@@@", special=True), token("pump", single_word=True),
    ]
    return root


def wordpiece_characters(root):
    root = copy.deepcopy(root)
    specials = [t["content"] for t in root["added_tokens"]]
    tokens = specials + [chr(p) for p in points()] + ["##" + chr(p) for p in points()]
    root["model"]["vocab"] = {t: i for i, t in enumerate(tokens)}
    for name, one in root["post_processor"]["special_tokens"].items():
        one["ids"] = [root["model"]["vocab"][name]]
    return root


def wordpiece(root):
    changes = [{"lowercase": False, "strip_accents": False}, {"strip_accents": False}, {"clean_text": False},
               {"lowercase": False, "strip_accents": True}, {"handle_chinese_chars": False}]
    yield "as the file says", 4, root
    yield "characters", 4, wordpiece_characters(root)
    yield "added tokens", 2, with_added_tokens(root)
    yield "added tokens, characters", 2, with_added_tokens(wordpiece_characters(root))
    for change in changes:
        changed = copy.deepcopy(root)
        changed["normalizer"].update(change)
        yield str(change), 0.5, changed
        yield f"{change}, characters", 0.5, wordpiece_characters(changed)
        yield f"{change}, added tokens", 0.3, with_added_tokens(changed)


def unigram_vocabulary(root, pieces):
    root = copy.deepcopy(root)
    specials = [t["content"] for t in root["added_tokens"]]
    seen = set(specials)
    root["model"]["vocab"] = [[t, 0.0] for t in specials] + [p for p in pieces if not (p[0] in seen or seen.add(p[0]))]
    root["model"]["unk_id"] = specials.index("<unk>")
    for name, one in root["post_processor"]["special_tokens"].items():
        one["ids"] = [specials.index(name)]
    return root


def unigram_characters(root):
    return unigram_vocabulary(root, [[chr(p), -1.0 - p % 7] for p in points()])


def unigram_ties(root):
    """Pieces of a few letters with scores that often add up to the same, all but the last bits."""
    pieces = [["".join(random.choices("abxe\u0301▁é", k=random.randrange(1, 5))), 0] for _ in range(300)]
    # Runs: their ways differ in the order of the same numbers only, so rounding decides, and so does reading them.
    pieces += [[letter * n, -random.random() * 5 * n] for letter in "aé飛x" for n in (1, 2, 3, 4)]
    for piece in pieces[:300]:
        piece[1] = random.choice([-1.1, -2.2, -3.3, -0.1, -random.random() * 10, -len(piece[0]) * 1.1, -7, 1e-9])
    return unigram_vocabulary(root, pieces)


def unigram_bytes(root):
    pieces = [[f"<0x{b:02X}>", -9.0] for b in range(256)] + [p for p in root["model"]["vocab"] if len(p[0]) > 2]
    root = unigram_vocabulary(root, pieces)
    root["model"]["byte_fallback"] = True
    return root


def charsmap(replacements):
    """A precompiled character map: a double array with a block of 256 units for every node, then the texts."""
    prefixes = sorted({key[:i] for key in replacements for i in range(len(key) + 1)}, key=len)
    base = {prefix: 256 * (i + 1) for i, prefix in enumerate(prefixes)}
    array, texts = [1 << 31 | 1 << 9] * (256 * (len(prefixes) + 1)), b""
    for prefix in prefixes:
        node = base[prefix[:-1]] ^ prefix[-1] if prefix else 0
        array[node] = (base[prefix] ^ node) << 10 | (prefix[-1] if prefix else 0) | (256 if prefix in replacements else 0)
        if prefix in replacements:
            array[base[prefix]] = 1 << 31 | len(texts)
            texts += replacements[prefix] + b"\0"
    return base64.b64encode(struct.pack(f"<I{len(array)}I", 4 * len(array), *array) + texts).decode()


def own_charsmap(share):
    """Maps characters that clusters are made of, so that it shows where every cluster starts and ends."""
    characters = sorted({p for p in sum(CLUSTERS, INTERESTING) if p})
    keys = {chr(p).encode() for p in characters if random.random() < share}
    keys |= {"".join(map(chr, random.choices(characters, k=2))).encode() for _ in range(60)}
    return {"type": "Precompiled", "precompiled_charsmap": charsmap(
        {key: random.choice(["", "y", " ", "xyz", "é", "飛 ", "\u0301"]).encode() for key in keys})}


def steps(root, normalizer, pre_tokenizer):
    root = copy.deepcopy(root)
    root["normalizer"] = normalizer and {"type": "Sequence", "normalizers": normalizer}
    root["pre_tokenizer"] = pre_tokenizer
    return root


def precompiled_of(normalizer):
    return normalizer if normalizer["type"] == "Precompiled" else next(map(precompiled_of, normalizer["normalizers"]))


def unigram(root):
    precompiled = precompiled_of(root["normalizer"])
    def metaspace(scheme, split=True, mark="▁"):
        return {"type": "Metaspace", "replacement": mark, "prepend_scheme": scheme, "split": split}
    space = {"type": "WhitespaceSplit"}
    strip = {"type": "Strip", "strip_left": False, "strip_right": True}
    both = {"type": "Strip", "strip_left": True, "strip_right": True}
    mark_runs = {**REGEX, "content": "▁"}
    lower = {"type": "Lowercase"}
    quotes = {"type": "Replace", "pattern": {"String": "``"}, "content": '"'}
    marks = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    drop = {"type": "Replace", "pattern": {"String": "a"}, "content": ""}
    prepend = {"type": "Prepend", "prepend": "▁x"}
    characters = unigram_characters(root)
    sequence = {"type": "Sequence", "pretokenizers": [space, metaspace("first")]}
    bert_like = copy.deepcopy(root)
    bert_like["post_processor"] = {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0],
                                   "trim_offsets": True, "add_prefix_space": True}
    yield "as the file says", 4, root
    yield "characters", 4, characters
    yield "ties", 1.5, unigram_ties(root)
    yield "ties, no white space split", 1, steps(unigram_ties(root), [precompiled], metaspace("always", False))
    yield "bytes", 1, unigram_bytes(root)
    yield "added tokens", 2, with_added_tokens(root)
    yield "added tokens, characters", 2, with_added_tokens(characters)
    for share in (0.3, 0.6, 0.9):
        yield f"own map, {share}", 1, steps(characters, [own_charsmap(share)], sequence)
    yield "own map, added tokens", 0.7, with_added_tokens(steps(characters, [own_charsmap(0.5), strip], metaspace("first")))
    yield "Metaspace alone", 0.7, steps(characters, [precompiled], metaspace("always"))
    yield "Strip, Replace", 0.7, steps(characters, [precompiled, strip, mark_runs], metaspace("never"))
    yield "Strip, Replace, added tokens", 0.7, with_added_tokens(steps(characters, [both, precompiled, mark_runs], metaspace("always")))
    yield "first", 0.7, steps(characters, [precompiled], sequence)
    yield "first, Strip", 0.7, steps(characters, [precompiled, both, REGEX], metaspace("first"))
    yield "first, everything", 0.7, with_added_tokens(steps(characters, [drop, lower, precompiled, quotes, both, mark_runs], sequence))
    yield "first, Prepend", 0.4, steps(characters, [both, prepend, precompiled], metaspace("first", False))
    yield "Lowercase, quotes", 0.4, steps(characters, [lower, quotes, precompiled, REGEX], sequence)
    yield "Replace and Prepend, no pre-tokenizer", 0.4, steps(root, [precompiled, prepend, marks], None)
    yield "WhitespaceSplit alone", 0.3, steps(characters, [precompiled], space)
    yield "another mark", 0.3, steps(characters, None, metaspace("always", True, "_"))
    yield "RobertaProcessing, no normalizer", 0.3, steps(bert_like, None, metaspace("always"))


def settings(root):
    root = copy.deepcopy(root)
    root["truncation"] = root["padding"] = None
    kind = {"WordPiece": wordpiece, "Unigram": unigram}[root["model"]["type"]]
    return list(kind(root))
