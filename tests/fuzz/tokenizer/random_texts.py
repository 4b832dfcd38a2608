"""Texts for the differential test: from every plane, with weight on what the rules of the tokenizers look at."""
import random

WORDS = """hydraulic pump failure removed for inspection due to leaking seal at gate café naïve Straße İstanbul ΟΔΥΣΣΕΥΣ
飛行機 エンジン 故障 비행기 엔진 हिन्दी क्ष्म क्क́ ไทย العربية עברית Ǆ ﬁ Å ½ ² ㎏ ﷺ 🙂 👩‍🚀 👨‍👩‍👧‍👦 👍🏽 🇩🇪🇫🇷 ©‍© ##ing 12,345.67
don't e-mail user@example.org http://a.b/c?d=e %20 ẹ́̀ a̐éö̲ q̣̇ 𝔘𝔫𝔦 Ω ; ` `` '' · supercalifragilisticexpialidocious ▁ ▁▁ a▁b
bako mursal valkalen Hydrau fil ko""".split()
SPECIALS = """[CLS] [SEP] [MASK] [PAD] [UNK] [cls] <s> </s> <unk> <pad> <mask> <S> <Mask> Token tok tokens @@ @@@ ＴＯＫ ﬁn
strip_l strip_r strip_b [one] <0x41> <0x""".split()
INTERESTING = (
    [0, 9, 10, 11, 12, 13, 0x1C, 0x1F, 0x20, 0x7F, 0x85, 0xA0, 0xAD, 0x130, 0x131, 0x1680, 0x180E, 0x200B, 0x200C, 0x200D]
    + [0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF, 0xFFFD, 0xFFFE, 0xFFFF, 0xE000, 0xE001, 0xF8FE, 0xF8FF, 0x2581]
    + [0xF0000, 0xFFFFD, 0x100000, 0x10FFFD, 0x10FFFF, 0x2B81F, 0x2B820, 0x2B91F, 0x2B920, 0x2CEAF, 0x2CEB0, 0x3C2]
    + [0x302E, 0x302F, 0x1D165, 0x1D166, 0x1D16D, 0x1D16E, 0x9CD, 0x94D, 0xF71, 0xF72, 0x345, 0x334, 0x16FF0, 0x1A60]
    + [0x600, 0x6DD, 0x70F, 0x8E2, 0x110BD, 0x111C2, 0x903, 0x93E, 0x915, 0x937, 0xA9, 0xAE, 0x1F469, 0x1F680, 0xFE0F]
    + [0x1100, 0x1161, 0x11A8, 0xAC00, 0xAC01, 0x1F1E6, 0x1F1FF, 0x1F3FB, 0x301, 0x302, 0x300, 0x3099, 0x309A, 0xE0020]
)
RANGES = [(0x20, 0x7F), (0xA0, 0x250), (0x300, 0x370), (0x370, 0x530), (0x590, 0x780), (0x900, 0x1200), (0x1AB0, 0x1B00)]
RANGES += [(0x1D00, 0x2000), (0x2000, 0x2070), (0x20D0, 0x2C00), (0x3000, 0x3400), (0x4E00, 0xA000), (0xAC00, 0xD7A4)]
RANGES += [(0xF900, 0xFB50), (0xFE00, 0x10000), (0x10000, 0x20000), (0x20000, 0x30000), (0xE0000, 0xE0200), (0x1D100, 0x1D250)]
# Runs in which grapheme clusters are made: marks, emoji with joiners, Indic conjuncts, Hangul, kana with marks.
CLUSTERS = [
    [0x300, 0x301, 0x302, 0x327, 0x345, 0x1D165, 0x302E, 0x20DD, 0x65, 0x61],
    [0x1F469, 0x200D, 0x1F680, 0xFE0F, 0x1F3FB, 0xA9, 0x2764, 0x1F1E6, 0x1F1FA, 0x301],
    [0x915, 0x94D, 0x937, 0x200D, 0x93C, 0x93E, 0x995, 0x9CD, 0xD15, 0xD4D, 0x301, 0x600],
    [0x1100, 0x1161, 0x11A8, 0xAC00, 0xAC01, 0xA960, 0xD7B0, 0xD7CB, 0x301],
    [0x304B, 0x3099, 0x30AB, 0x309A, 0xFF76, 0xFF9E, 0xFF9F, 0x30CF],
    [0x0D, 0x0A, 0x301, 0x20, 0x200B, 0x09, 0x1B, 0x85, 0x61],
    [0x600, 0x6DD, 0x110BD, 0x61, 0x41, 0xE9, 0x301, 0x903, 0x627, 0x653],
]


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


def with_specials(text):
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(text) + 1)
        around = random.choice(["", "", " ", "  ", "\t ", "\u3000", "x", "_", "é"])
        text = text[:at] + around + random.choice(SPECIALS) + random.choice(["", around, "́", "-"]) + text[at:]
    return text


def random_text():
    kind = random.random()
    if kind < 0.3:
        return "".join(chr(any_point()) for _ in range(random.randrange(0, 40)))
    if kind < 0.38:
        low, high = random.choice(RANGES)
        return "".join(chr(random.randrange(low, high)) for _ in range(random.randrange(1, 60)))
    if kind < 0.5:
        return "".join(map(chr, random.choices(random.choice(CLUSTERS), k=random.randrange(1, 20))))
    words = random.choices(WORDS, k=random.randrange(1, 14))
    text = random.choice(["", " ", " ", "  ", "\t", "▁"]).join(words)
    if kind < 0.62:
        return "".join(c + (chr(any_point()) if random.random() < 0.15 else "") for c in text)
    if kind < 0.66:
        return random.choice("aé飛́x▁ ") * random.randrange(90, 210) + text
    if kind < 0.85:
        return with_specials(text if kind < 0.75 else "".join(chr(any_point()) for _ in range(random.randrange(0, 12))))
    return flipped(text)


def huge_text():
    """About a megabyte: one word, many words, or anything."""
    kind = random.randrange(4)
    if kind == 0:
        return random.choice(["a", "飛", "ab", "e\u0301", "ba"]) * 400_000
    if kind == 1:
        return " ".join(random.choices(WORDS, k=120_000))
    if kind == 2:
        return "".join(map(chr, random.choices(random.choice(CLUSTERS), k=350_000)))
    return "".join(chr(any_point()) for _ in range(400_000))


def fixed_texts():
    yield from ("", " ", *WORDS, *SPECIALS, *map(chr, INTERESTING), *("a" + chr(p) + "b" for p in INTERESTING))
    yield from ("a" * 100, "a" * 101, "\r\n", "\n\r", "  ", " a", "a ", "  a  b  ")
