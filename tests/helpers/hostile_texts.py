"""JSON, YAML and lists of indices that somebody damaged, or made to do harm."""

import json

import yaml
from hypothesis import strategies as st

from helpers.hostile import damaged

JSON_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 200),
        st.sampled_from([2**63, -(2**70), 10**400, 1e308, float("nan"), float("inf"), -1.5, 0.1]),
        st.sampled_from(
            ["", "x", "a\nb", "\x1b[31m", "\ud800", "$\\frac$", "²", "../..", "a\0b", "x" * 3000, "1", "Retrain"]
        ),
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "UA", "name"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def paths_in(content, prefix=()):
    """The place of every value in nested dictionaries."""
    for key, value in content.items():
        yield (*prefix, key)
        if isinstance(value, dict):
            yield from paths_in(value, (*prefix, key))


@st.composite
def changed(draw, whole):
    """The nested dictionary with values of other types, or left out."""
    content = json.loads(json.dumps(draw(st.sampled_from(whole))))
    for _ in range(draw(st.integers(0, 3))):
        *way, last = draw(st.sampled_from(list(paths_in(content)) or [("new",)]))
        inner = content
        for key in way:
            inner = inner.get(key, {}) if isinstance(inner, dict) else {}
        if isinstance(inner, dict):
            if draw(st.integers(0, 3)) == 0:
                inner.pop(last, None)
            else:
                inner[last] = draw(JSON_VALUES)
    return content


HOSTILE_JSON = [
    b"[" * 3000,
    b'{"a":' * 2000,
    b'{"a":' * 300 + b"1" + b"}" * 300,
    b"\xef\xbb\xbf{}",
    "{}".encode("utf-16"),
    b'{"UA": 1' + b"0" * 5000 + b"}",
    b'{"UA": 1' + b"0" * 4000 + b"}",
    b'{"UA": NaN, "RA": Infinity, "TA": -Infinity, "MIA": 1e999}',
    b'{"UA": 1, "UA": "x"}',
    b'{"indices": [0, 0]}',
    b'{"indices": [1e3]}',
    b'{"indices": [-1, 99999999999999999999]}',
    b"\0" * 100,
    b"\xff\xfe",
    b'{"method": "\\ud800"}',
    b"[1, 2, 3]",
    b"[3, 3]",
    b"null",
]


def jsons(whole):
    """JSON of other types, of no types, or no JSON."""
    texts = [json.dumps(content).encode() for content in whole]
    valid = changed(whole).map(lambda content: json.dumps(content).encode())
    return st.one_of(valid, valid, damaged(texts), st.sampled_from(HOSTILE_JSON), st.binary(max_size=50))


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 9))
TAGS = [
    f"!!{tag}"
    for tag in (
        "int x",
        "int ''",
        "float ''",
        "bool x",
        "timestamp x",
        "null x",
        "binary '*'",
        "set [a]",
        "omap {a: 1}",
    )
]
YAML_SCALARS = [
    *TAGS,
    "!!python/object/apply:os.mkdir [marker]",
    "!!python/object/new:os.mkdir [marker]",
    "!!python/name:os.system",
    "!!python/tuple [1]",
    "!unknown x",
    "0001-01-01T00:00:00+23:00",
    "2024-99-99",
    ":".join(["59"] * 2000),
    "1:" + ":".join(["59"] * 400) + ".5",
    "0x" + "f" * 5000,
    "9" * 5000,
    "0b2",
    "&a [*a]",
    "&a {b: *a}",
    "*nowhere",
    "{? [1] : 2}",
    "{? {a: 1} : 2}",
    '"\\ud800"',
    '"\\0"',
    ".nan",
    ".inf",
    "[" * 2000,
    "- " * 2000,
    "|",
    "%YAML 9.9",
    "=",
    "<<",
]


@st.composite
def yamls(draw, whole):
    """YAML of other types, with tags, aliases and numbers that are meant to do harm, or no YAML."""
    kind = draw(st.sampled_from(["changed", "changed", "scalar", "scalar", "damaged", "bomb", "bytes"]))
    if kind == "damaged":
        return draw(damaged([yaml.safe_dump(content).encode() for content in whole]))
    if kind == "bytes":
        return draw(
            st.binary(max_size=60) | st.sampled_from([b"\xff\xfe\x00", b"\xef\xbb\xbfa: 1", b"---\n---\n", b""])
        )
    text = (
        yaml.safe_dump(draw(changed(whole)), allow_unicode=True)
        .encode("utf-8", "surrogatepass")
        .decode("utf-8", "replace")
    )
    if kind == "bomb":
        key = draw(st.sampled_from(["options", "configs", "run_dir", "data", "model", "reference", "seeds"]))
        text = (
            draw(st.sampled_from([LAUGHS, MERGES])) + f"{key}: {draw(st.sampled_from(['*a11', '*a8', '{<<: *a7}']))}\n"
        )
    elif kind == "scalar":
        lines = text.splitlines() or ["a: b"]
        place = draw(st.integers(0, len(lines) - 1))
        head, _, _ = lines[place].partition(": ")
        lines[place] = f"{head.rstrip(':')}: {draw(st.sampled_from(YAML_SCALARS))}"
        text = "\n".join(lines) + "\n"
    return text.encode("utf-8", "replace")


INDEX_LINES = st.sampled_from(
    [
        "0",
        "7",
        " 3 ",
        "99",
        "100",
        "-1",
        "1e3",
        "1_0",
        "٣",
        "²",
        "9" * 5000,
        "99999999999999999999",
        "",
        "\r",
        "0x1",
        "\0",
        "nan",
        "index",
        "index,label",
        "label,index",
        '"index"',
        "5,6",
        '"7',
        "a" * 140_000,
        ",".join("1" * 1000),
    ]
)
INDEX_TEXT = st.one_of(
    st.lists(INDEX_LINES, max_size=8).map(lambda lines: "\n".join(lines).encode()),
    st.lists(INDEX_LINES, max_size=8).map(lambda lines: ("index\n" + "\n".join(lines)).encode("utf-16")),
    st.lists(INDEX_LINES, max_size=8).map(lambda lines: b"\xef\xbb\xbfindex\n" + "\n".join(lines).encode()),
    damaged([b"index\n1\n2\n3\n", b"1\n2\n3\n", b"image,index\na,4\nb,5\n"]),
    st.binary(max_size=60),
)
