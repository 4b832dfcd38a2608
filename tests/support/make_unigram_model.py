#!/usr/bin/env python3
"""Trains a small Unigram model on text made up here, and writes it as a tokenizer.json of the XLM-R kind.

    make_unigram_model.py OUT/tokenizer.json [PIECES]            a model file (300 pieces unless told)
    make_unigram_model.py --small OUT/tokenizer.json [PIECES]    with a part of the character map, to be committed
    make_unigram_model.py --golden OUT/golden.jsonl TOKENIZER    texts and the ids that the library gives them

Needs PyPI sentencepiece and protobuf (the trainer, and the nmt_nfkc character map that real models carry) and PyPI
tokenizers 0.23.3. The full map takes 320 kB of base64; --small has sentencepiece compile one from NFKC of a few blocks. The conversion is that of known XLM-R files: four special tokens first, then sentencepiece's pieces from its
place 3 on, then <mask>; Precompiled, then runs of spaces to one; WhitespaceSplit and Metaspace; <s> text </s>.
Everything is drawn from a fixed seed, so the same versions write the same bytes.
"""
import base64
import io
import json
import pathlib
import random
import sys
import tempfile
import unicodedata

SYLLABLES = "ba ko li mur ten sal vor ik an dre pum fil val hyd rau lik ter mo tor gen ex amp sen sor lea kag ins pec".split()
ACCENTED = "é ü ß ñ å č ł ø и к т о р а λ π ν ω ع ر ب ש ל ם ก า ร क म ल 飛 行 機 故 障 交 換 エ ン ジ 비 행 기".split()
SPECIALS = ["<s>", "<pad>", "</s>", "<unk>"]
UNKNOWN = 3


def words(count):
    """Words with the frequencies of natural ones: few are common, most are rare."""
    made = []
    for _ in range(count):
        word = "".join(random.choice(SYLLABLES) for _ in range(random.randrange(1, 4)))
        if random.random() < 0.25:
            word += random.choice(ACCENTED) + random.choice(SYLLABLES)
        if random.random() < 0.1:
            word = "".join(random.choice(ACCENTED) for _ in range(random.randrange(2, 5)))
        made.append(word)
    return made


def corpus():
    vocabulary = words(1500)
    weights = [1 / (rank + 5) for rank in range(len(vocabulary))]
    for _ in range(12000):
        sentence = random.choices(vocabulary, weights, k=random.randrange(3, 15))
        if random.random() < 0.3:
            sentence.append(str(random.randrange(10000)))
        if random.random() < 0.3:
            sentence[0] = sentence[0].capitalize()
        yield " ".join(sentence) + random.choice([".", ",", "!", "", " -", "?"])


def small_rules():
    """Rules for sentencepiece's compiler: controls vanish, spaces are one, and NFKC of some blocks, marks composed."""
    rules = {(p,): "" for p in (*range(1, 9), 0x0B, *range(0x0E, 0x20), 0x7F, 0xAD, 0x200B, 0xFEFF)}
    rules |= {(p,): " " for p in (9, 10, 12, 13, 0xA0, 0x2028, 0x2029, 0x202F, 0x3000)}
    blocks = [(0xA0, 0x250), (0x2000, 0x2200), (0x2460, 0x24FF), (0x3300, 0x33FF), (0xFB00, 0xFB50), (0xFDF0, 0xFE00), (0xFF00, 0xFFF0)]
    for point in (p for low, high in blocks for p in range(low, high) if (p,) not in rules):
        folded = unicodedata.normalize("NFKC", chr(point))
        if folded != chr(point):
            rules[(point,)] = folded
        parts = unicodedata.normalize("NFD", chr(point))
        if 1 < len(parts) < 4 and point < 0x250:
            rules[tuple(map(ord, parts))] = folded
    for base in range(0xFF66, 0xFF9E):  # halfwidth kana and its sound marks
        for mark in (0xFF9E, 0xFF9F):
            rules[(base, mark)] = unicodedata.normalize("NFKC", chr(base) + chr(mark))
    return rules


def normalization(small, folder):
    if not small:
        return {"normalization_rule_name": "nmt_nfkc"}
    path = pathlib.Path(folder) / "rules.tsv"
    lines = [[" ".join(f"{p:X}" for p in source), " ".join(f"{ord(c):X}" for c in target)] for source, target in sorted(small_rules().items())]
    path.write_text("".join("\t".join(line) + "\n" for line in lines))
    return {"normalization_rule_tsv": str(path)}


def train(pieces, small):
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2

    model = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=corpus(), model_writer=model, vocab_size=pieces - 2, model_type="unigram", num_threads=1,
            character_coverage=0.9995, minloglevel=2, hard_vocab_limit=False, **normalization(small, folder),
        )
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model.getvalue())
    return proto


def special(token, number, **changes):
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": number, "content": token, **flags, **changes}


def tokenizer_json(proto):
    vocabulary = [[token, 0.0] for token in SPECIALS]
    vocabulary += [[piece.piece, piece.score] for piece in proto.pieces[3:]]
    vocabulary.append(["<mask>", 0.0])
    mask = len(vocabulary) - 1
    charsmap = base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()
    spaces = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
    wrap = {name: {"id": name, "ids": [SPECIALS.index(name)], "tokens": [name]} for name in ("<s>", "</s>")}
    template = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "</s>", "type_id": 0}}]
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [special(t, i) for i, t in enumerate(SPECIALS)] + [special("<mask>", mask, lstrip=True)],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Precompiled", "precompiled_charsmap": charsmap}, spaces]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "WhitespaceSplit"},
            {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}]},
        "post_processor": {"type": "TemplateProcessing", "single": template,
                           "pair": template + template[2:] + [{"Sequence": {"id": "B", "type_id": 0}}] + template[2:],
                           "special_tokens": wrap},
        "decoder": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
        "model": {"type": "Unigram", "unk_id": UNKNOWN, "vocab": vocabulary, "byte_fallback": False},
    }


def golden_texts():
    yield from ("", " ", "a", "<s>", "ko <mask> ba", "ko<mask>ba", "  ko   \t\n ba  ", "\u2581", "\u2581ko\u2581\u2581ba", "<unk>", "x<unk>x")
    yield from ("ﬁlter ①② ㎏ ½ ｶﾞ ﷺ", "e\u0301 é E\u0301\u0302 \u0915\u094d\u0937", "👩‍🚀 🇩🇪🇫🇷 👍🏽", "a\u200bb\ufeffc\u00adc\u0000d", "\r\n\u0301\r", "ba" * 120)
    sentences = list(corpus())
    for i in range(180):
        text = sentences[i * 7]
        if i % 3 == 1:
            text = "".join(c + (chr(random.randrange(0x300, 0x370)) if random.random() < 0.1 else "") for c in text)
        if i % 3 == 2:
            text = "".join(c if random.random() > 0.1 else chr(random.choice([random.randrange(32, 0x2FFF), random.randrange(0x3000, 0xD7FF), random.randrange(0x1F000, 0x1FAFF)])) for c in text)
        yield text


def main():
    random.seed(20)
    if sys.argv[1] == "--golden":
        from tokenizers import Tokenizer

        library = Tokenizer.from_file(sys.argv[3])
        with open(sys.argv[2], "w", encoding="utf-8") as file:
            for text in golden_texts():
                file.write(json.dumps({"text": text, "ids": library.encode(text).ids}) + "\n")
        return
    small = sys.argv[1] == "--small"
    where, *rest = sys.argv[2:] if small else sys.argv[1:]
    with open(where, "w", encoding="utf-8") as file:
        json.dump(tokenizer_json(train(int(rest[0]) if rest else 300, small)), file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


main()
