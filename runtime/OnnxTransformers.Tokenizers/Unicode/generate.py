#!/usr/bin/env python3
"""Writes unicode.bin, the character tables of this library. Run at development time only.

    generate.py SOURCES UNICODE_DATA OUTPUT

SOURCES       a folder with checkouts of the libraries whose tables Hugging Face tokenizers 0.22 is compiled with:
              unicode-categories at 0.1.1 (cat_tables.rs), unicode-normalization (the alignments fork), unicode-segmentation, oniguruma, regex, and tokenizers' scripts.rs
UNICODE_DATA  UnicodeData.txt of the Unicode Character Database (simple lower-case mappings)

Every library has its own version of Unicode (8, 9, 15.1 to 17, 16), and tokenization depends on it: so the facts are taken from each, not from one version of the database.
The file is a raw deflate stream of little-endian 32-bit integers; UnicodeData.cs reads it in the same order.
"""
import re, struct, sys, zlib

src, ucd, out = sys.argv[1:]
read = lambda name: open(f"{src}/{name}", encoding="utf-8").read()
MAX = 0x110000

# General categories and all named properties, as Oniguruma has them.
onig = read("oniguruma/src/unicode_property_data.c")
ranges = {}
for m in re.finditer(r"^CR_(\w+)\[\] = \{ (\d+),\s(.*?)\}; /\* END of CR_", onig, re.S | re.M):
    numbers = [int(x, 16) for x in re.findall(r"0x[0-9a-fA-F]+", m[3])]
    assert len(numbers) == 2 * int(m[2]), m[1]
    ranges[m[1]] = numbers
for m in re.finditer(r"^#define CR_(\w+) CR_(\w+)", onig, re.M): ranges[m[1]] = ranges[m[2]]
order = re.findall(r"CR_(\w+),", onig[onig.index("CodeRanges[] = {"):onig.index("};", onig.index("CodeRanges[] = {"))])
pool = dict(re.findall(r"char unicode_prop_name_pool_str(\d+)\[sizeof\(\"(\w+)\"\)\];", onig))
names = [(pool[a], int(b)) for a, b in re.findall(r"\{pool_offset\((\d+)\),\s*(\d+)\}", onig)]
assert len(names) > 500 and dict(names)["han"] < len(order), len(names)

flags = [0] * MAX
CATEGORIES = "Cn Cc Cf Co Cs Ll Lm Lo Lt Lu Mc Me Mn Nd Nl No Pc Pd Pe Pf Pi Po Ps Sc Sk Sm So Zl Zp Zs".split()
for i, name in enumerate(CATEGORIES):
    for a, b in zip(*[iter(ranges[name])] * 2):
        for c in range(a, b + 1): flags[c] = i
category = lambda c: CATEGORIES[flags[c] & 31]
def mark(bit, chars):
    for c in chars: flags[c] |= 1 << bit
def spans(pairs): return (c for a, b in pairs for c in range(a, b + 1))
char = lambda s: [int(x, 16) for x in re.findall(r"\\u\{([0-9a-fA-F]+)\}", s)]

def rust_pairs(text):
    unescape = lambda s: int(s[3:-1], 16) if s.startswith("\\u{") else ord({"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\'": "'", "\\\\": "\\"}.get(s, s))
    return [(unescape(a), unescape(b)) for a, b in re.findall(r"\('(\\u\{[0-9a-fA-F]+\}|\\.|[^'\\])', '(\\u\{[0-9a-fA-F]+\}|\\.|[^'\\])'\)", text)]
mark(5, spans(rust_pairs(read("regex/regex-syntax/src/unicode_tables/perl_space.rs"))))
mark(6, spans(rust_pairs(read("regex/regex-syntax/src/unicode_tables/perl_word.rs"))))
cat = read("old/cat_tables.rs")
table = lambda name: char(cat[cat.index(f"pub static {name} :"):].split("];")[0])
mark(7, (c for n in "CLOSE CONNECTOR DASH FINAL_QUOTE INITIAL_QUOTE OPEN OTHER".split() for c in table("PUNCTUATION_" + n)))
mark(8, table("OTHER_CONTROL") + table("OTHER_FORMAT")); mark(8, spans([(0xE000, 0xF8FF), (0xF0000, 0xFFFFD), (0x100000, 0x10FFFD)]))
mark(9, table("MARK_NONSPACING"))

# Normalization, Unicode 9.
norm = read("unicode-normalization/src/tables.rs")
part = lambda name: norm[norm.index(f"const {name}:"):].split("];\n")[0]
numbers = lambda name: [int(x, 16) for x in re.findall(r"^\s+0x([0-9a-fA-F]+),", part(name), re.M)]
for n in numbers("CANONICAL_COMBINING_CLASS_KV"): flags[n >> 8] |= (n & 255) << 24
mark(10, numbers("COMBINING_MARK_KV"))
decompositions = lambda name: {int(k, 16): char(v) for k, v in re.findall(r"\(0x([0-9a-fA-F]+), &\[(.*?)\]\)", part(name), re.S)}
canonical, compatible = decompositions("CANONICAL_DECOMPOSED_KV"), decompositions("COMPATIBILITY_DECOMPOSED_KV")
compose = {(int(k, 16) >> 16, int(k, 16) & 0xFFFF): char(v)[0] for k, v in re.findall(r"\(0x([0-9a-fA-F]+), ('\\u\{[0-9a-fA-F]+\}')\)", part("COMPOSITION_TABLE_KV"))}
astral = norm[norm.index("fn composition_table_astral"):].split("_ => None")[0]
compose |= {(char(a)[0], char(b)[0]): char(c)[0] for a, b, c in re.findall(r"\(('[^']+'), ('[^']+')\) => Some\(('[^']+')\)", astral)}
assert len(canonical) > 2000 and len(compatible) > 3000 and len(compose) > 900, (len(canonical), len(compatible), len(compose))
ccc = lambda c: flags[c] >> 24
hangul = range(0xAC00, 0xAC00 + 11172)
seconds = {b for _, b in compose} | set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))
def recompose(parts):
    parts = list(parts); i = 1
    while i < len(parts):
        if (parts[0], parts[i]) in compose: parts[0] = compose[parts[0], parts[i]]; del parts[i]
        else: i += 1
    return parts
for c in range(MAX):
    d, k = canonical.get(c), compatible.get(c, canonical.get(c)) if c > 127 else None
    marked = ccc(c) != 0
    if marked or c in seconds or (d and recompose(d) != [c]): flags[c] |= 1 << 11
    if marked or d or c in hangul: flags[c] |= 1 << 12
    if marked or c in seconds or (k and recompose(k) != [c]): flags[c] |= 1 << 13
    if marked or k or c in hangul: flags[c] |= 1 << 14

# Lower case as Rust's standard library has it: simple mappings, and two characters for U+0130. Newer letters than UNICODE_DATA's come from the case folding of regex.
lower = {}
assigned = set()
for line in open(ucd, encoding="utf-8"):
    f = line.split(";"); assigned.add(int(f[0], 16))
    if f[13]: lower[int(f[0], 16)] = int(f[13], 16)
fold = read("regex/regex-syntax/src/unicode_tables/case_folding_simple.rs")
for m in re.finditer(r"\('(\\u\{[0-9a-f]+\}|.)', &\[(.*?)\]\)", fold):
    c = char(m[1])[0] if m[1].startswith("\\") else ord(m[1])
    if c not in assigned and category(c) == "Lu": lower[c] = char(m[2])[0] if "{" in m[2] else ord(m[2].split("'")[1])
lower[0x130] = 0x69
mark(15, lower)

# Grapheme clusters.
seg = read("unicode-segmentation/src/tables.rs")
GRAPHEMES = "Any CR LF Control Extend ZWJ Regional_Indicator Prepend SpacingMark L V T LV LVT Extended_Pictographic InCB_Consonant".split()
grapheme = seg[seg.index("const grapheme_cat_table"):].split("];")[0]
for a, b, name in re.findall(r"\(\s*'\\u\{([0-9a-f]+)\}',\s*'\\u\{([0-9a-f]+)\}',\s*GC_(\w+)\s*\)", grapheme):
    for c in range(int(a, 16), int(b, 16) + 1): flags[c] |= GRAPHEMES.index(name) << 16
mark(20, char(seg[seg.index("fn is_incb_linker"):].split("}\n")[0]))
incb = seg[seg.index("const InCB_Extend_table"):].split("];")[0]
mark(21, spans((int(a, 16), int(b, 16)) for a, b in re.findall(r"\(\s*'\\u\{([0-9a-f]+)\}',\s*'\\u\{([0-9a-f]+)\}'\s*\)", incb)))
# Outside classes, Oniguruma looks Latin-1 up in a table of its own, in which these are word characters, too.
mark(22, spans(zip(*[iter(ranges["Word"])] * 2))); mark(22, [0xB2, 0xB3, 0xB9, 0xBC, 0xBD, 0xBE])

# Scripts of the UnicodeScripts pre-tokenizer, which merges the kana with Han by itself.
scripts_text = read("scripts.rs")
script_names, script = ["Any"], [0] * MAX
seen = set()
for m in re.finditer(r"0x([0-9A-Fa-f]+)(?:\.\.=0x([0-9A-Fa-f]+))? => Script::(\w+)", scripts_text):
    if m[3] not in script_names: script_names.append(m[3])
    for c in range(int(m[1], 16), int(m[2] or m[1], 16) + 1):
        if c not in seen: script[c] = script_names.index(m[3]); seen.add(c)

# Two stages of 128 characters, over distinct records.
records, index = {}, []
for c in range(MAX): index.append(records.setdefault((flags[c], script[c]), len(records)))
blocks, stage1 = {}, []
for c in range(0, MAX, 128): stage1.append(blocks.setdefault(tuple(index[c:c + 128]), len(blocks)))

data = []
def put(*values): data.extend(values)
put(len(stage1), *stage1); put(len(blocks)); [put(*b) for b in blocks]
put(len(records)); [put(f if f < 1 << 31 else f - (1 << 32), s) for f, s in records]
put(len(lower)); [put(*p) for p in sorted(lower.items())]
for d in (canonical, compatible):
    put(len(d)); [put(k, len(v), *v) for k, v in sorted(d.items())]
put(len(compose)); [put(a, b, c) for (a, b), c in sorted(compose.items())]
folds = read("oniguruma/src/unicode_fold_data.c")
triples = []
for n in (1, 2, 3):
    body = folds[folds.index(f"OnigUnicodeFolds{n}[]"):].split("};")[0]
    body = re.sub(r"#define.*", "", body)
    numbers_ = [int(x, 0) for x in re.findall(r"0x[0-9a-f]+|(?<![\w*])\d+(?=,)", re.sub(r"/\*.*?\*/", "", body))]
    i = 0
    while i + n < len(numbers_):
        target = numbers_[i:i + n]; count = numbers_[i + n]
        for c in numbers_[i + n + 1:i + n + 1 + count]: triples.append((c, target))
        i += n + 1 + count
put(len(triples)); [put(c, len(t), *t) for c, t in triples]
put(len(order))
for name in order: put(len(ranges[name]), *ranges[name])
put(len(names))
for name, i in names: put(i, len(name), *name.encode())
raw = struct.pack(f"<{len(data)}i", *data)
deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
packed = deflate.compress(raw) + deflate.flush()
open(out, "wb").write(packed)
print(f"{len(records)} records, {len(blocks)} blocks, {len(order)} properties, {len(names)} names, {len(triples)} folds, {len(lower)} lower; {len(raw)} bytes, {len(packed)} packed")
