#!/usr/bin/env python3
"""Trains a small Unigram model on text made up here, and writes it as a tokenizer.json of the XLM-R kind.

    make_unigram_model.py OUT/tokenizer.json [PIECES]            a model file (300 pieces unless told)
    make_unigram_model.py --golden OUT/golden.jsonl TOKENIZER    texts and the ids that the library gives them

Needs PyPI sentencepiece (the trainer, and the nmt_nfkc character map that real models carry) and PyPI tokenizers
0.23.3. The conversion is that of known XLM-R files: four special tokens first, then sentencepiece's pieces from its
place 3 on, then <mask>; Precompiled, then runs of spaces to one; WhitespaceSplit and Metaspace; <s> text </s>.
Everything is drawn from a fixed seed, so the same versions write the same bytes.
"""
import base64
import io
import json
import random
import sys

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


def train(pieces):
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=corpus(), model_writer=model, vocab_size=pieces - 2, model_type="unigram",
        character_coverage=0.9995, normalization_rule_name="nmt_nfkc", num_threads=1, minloglevel=2,
        hard_vocab_limit=False,
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
    pieces = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(tokenizer_json(train(pieces)), file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


main()
