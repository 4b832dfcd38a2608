#!/usr/bin/env python3
"""Holds our tokenizer against PyPI `tokenizers` on random texts, under several settings of the normalizer.

    compare_with_library.py PROGRAM TOKENIZER.json [TEXTS] [SEED]

PROGRAM is tokenize_stdin (built from the file beside this one). Prints each difference; exit 1 if there was one.
Each setting is tried with the model's vocabulary and with one in which every character is a token, so that a wrong
or misplaced character cannot hide in an unknown word. Texts come from every plane, with weight on what the rules look at, and from bit flips of readable sentences.
"""
import json
import random
import struct
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer

program, path = sys.argv[1], sys.argv[2]
total = int(sys.argv[3]) if len(sys.argv) > 3 else 100_000
random.seed(int(sys.argv[4]) if len(sys.argv) > 4 else 1)

WORDS = """hydraulic pump failure removed for inspection due to leaking seal at gate café naïve Straße İstanbul ΟΔΥΣΣΕΥΣ
飛行機 エンジン 故障 비행기 엔진 हिन्दी ไทย العربية עברית Ǆ ﬁ Å ½ ² 🙂 👩‍🚀 [CLS] [SEP] [MASK] [PAD] [UNK] [cls] ##ing 12,345.67
don't e-mail user@example.org http://a.b/c?d=e %20 ẹ́̀ a̐éö̲ q̣̇ 𝔘𝔫𝔦 ㎏ ﷺ Ω ; ` · supercalifragilisticexpialidocious""".split()
INTERESTING = (
    [0, 9, 10, 11, 12, 13, 0x1C, 0x1F, 0x20, 0x7F, 0x85, 0xA0, 0xAD, 0x130, 0x131, 0x1680, 0x180E, 0x200B, 0x200D]
    + [0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF, 0xFFFD, 0xFFFE, 0xFFFF, 0xE000, 0xE001, 0xF8FE, 0xF8FF]
    + [0xF0000, 0xFFFFD, 0x100000, 0x10FFFD, 0x10FFFF, 0x2B81F, 0x2B820, 0x2B91F, 0x2B920, 0x2CEAF, 0x2CEB0, 0x3C2]
    + [0x302E, 0x302F, 0x1D165, 0x1D166, 0x1D16D, 0x1D16E, 0x9CD, 0x94D, 0xF71, 0xF72, 0x345, 0x334, 0x16FF0, 0x1A60]
)
RANGES = [(0x20, 0x7F), (0xA0, 0x250), (0x300, 0x370), (0x370, 0x530), (0x590, 0x780), (0x900, 0x1200), (0x1AB0, 0x1B00)]
RANGES += [(0x1D00, 0x2000), (0x2000, 0x2070), (0x20D0, 0x2C00), (0x3000, 0x3400), (0x4E00, 0xA000), (0xAC00, 0xD7A4)]
RANGES += [(0xF900, 0xFB50), (0xFE00, 0x10000), (0x10000, 0x20000), (0x20000, 0x30000), (0xE0000, 0xE0200), (0x1D100, 0x1D250)]


def any_point():
    kind = random.random()
    if kind < 0.25:
        return random.choice(INTERESTING)
    low, high = random.choice(RANGES) if kind < 0.9 else (0, 0x110000)
    point = random.randrange(low, high)
    return point if not 0xD800 <= point <= 0xDFFF else 0x41


def flipped(text):
    data = bytearray(text.encode())
    for _ in range(random.randrange(1, 6)):
        if data:
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return data.decode("utf-8", "ignore")


def random_text():
    kind = random.random()
    if kind < 0.35:
        return "".join(chr(any_point()) for _ in range(random.randrange(0, 40)))
    if kind < 0.45:
        low, high = random.choice(RANGES)
        return "".join(chr(random.randrange(low, high)) for _ in range(random.randrange(1, 60)))
    words = random.choices(WORDS, k=random.randrange(1, 14))
    text = random.choice(["", " ", " ", "  ", "\t"]).join(words)
    if kind < 0.6:
        return "".join(c + (chr(any_point()) if random.random() < 0.15 else "") for c in text)
    if kind < 0.65:
        return random.choice("aé飛́") * random.randrange(90, 210) + text
    return flipped(text)


def with_every_character(root):
    """The same tokenizer with characters as its vocabulary (no surrogates; not U+0000, which JSON readers refuse)."""
    specials = [t["content"] for t in root["added_tokens"]]
    points = [p for p in (*range(1, 0x30000), 0x10FFFF, 0x100000, 0xF0000, 0xFFFFD) if not 0xD800 <= p <= 0xDFFF]
    tokens = specials + [chr(p) for p in points] + ["##" + chr(p) for p in points]
    root["model"]["vocab"] = {token: i for i, token in enumerate(tokens)}
    for i, token in enumerate(root["added_tokens"]):
        token["id"] = i
    ids = root["model"]["vocab"]
    for name, token in root["post_processor"]["special_tokens"].items():
        token["ids"] = [ids[name]]
    return root


def settings():
    """The file as it is (without cut and padding), and with other switches of its normalizer."""
    for change in ({}, {"lowercase": False, "strip_accents": False}, {"strip_accents": False}, {"lowercase": False, "strip_accents": True},
                   {"clean_text": False}, {"handle_chinese_chars": False}):
        with open(path, encoding="utf-8") as file:
            root = json.load(file)
        root["truncation"] = root["padding"] = None
        root["normalizer"].update(change)
        yield change, json.dumps(root)
        yield {**change, "vocabulary": "characters"}, json.dumps(with_every_character(root))


differences = 0
texts = ["", " ", *WORDS, *map(chr, INTERESTING), *("a" + chr(p) + "b" for p in INTERESTING), "a" * 100, "a" * 101]
texts += [random_text() for _ in range(total)]
for number, (change, root) in enumerate(settings()):
    library = Tokenizer.from_str(root)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(root)
        file.flush()
        ours = subprocess.Popen([program, file.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        some = texts if number < 2 else texts[: max(2000, total // 10)]
        for start in range(0, len(some), 500):
            part = some[start : start + 500]
            expected = [e.ids for e in library.encode_batch(part)]
            for text, ids in zip(part, expected):
                data = text.encode()
                ours.stdin.write(struct.pack("<I", len(data)) + data)
                ours.stdin.flush()
                (count,) = struct.unpack("<I", ours.stdout.read(4))
                got = list(struct.unpack(f"<{count}I", ours.stdout.read(4 * count)))
                if got != ids:
                    differences += 1
                    if differences <= 20:
                        print(f"{change} {text!r} {[hex(ord(c)) for c in text[:12]]}\n  library {ids}\n  ours    {got}")
        ours.stdin.close()
        ours.wait()
    print(f"{change or 'as the file says'}: {len(some)} texts, {differences} differences so far")
sys.exit(differences > 0)
