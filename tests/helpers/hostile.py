"""Arrays and archives that somebody damaged, or made to do harm; and damage of any file."""

import io
import pickle
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
from hypothesis import strategies as st


class Touch:
    """Pickled into a file, it creates another file when it is loaded."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return Path.touch, (Path(self.marker),)


# Damage of any file


@st.composite
def damaged(draw, whole):
    """A file of `whole` with bits flipped, bytes cut out, put in, doubled or overwritten."""
    content = bytearray(draw(st.sampled_from(whole)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(content) - 1)))
        length = draw(st.integers(1, 40))
        kind = draw(st.sampled_from(["flip", "cut", "insert", "end", "double", "number", "end", "flip"]))
        if kind == "flip" and content:
            content[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del content[place : place + length]
        elif kind == "insert":
            content[place:place] = draw(st.binary(max_size=length))
        elif kind == "double":
            content[place:place] = content[place : place + length]
        elif kind == "number":
            content[place : place + 4] = struct.pack("<I", draw(st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1])))
        else:
            del content[place:]
    return bytes(content)


# NumPy


SHAPES = st.one_of(
    st.lists(st.integers(-3, 9), max_size=5).map(tuple),
    st.lists(st.sampled_from([0, 1, 8, -1, 2**31, 2**40, 2**62, 2**63, 2**64, 10**30]), max_size=5).map(tuple),
    st.sampled_from([(True, 8, 8), (10**12, 8, 8, 3), (4, 8, 8), (4,), (4, 1), (0, 10**30), (1,) * 70]),
)
DTYPES = st.sampled_from(
    [
        "|u1",
        "<i8",
        ">i8",
        "<i4",
        "<f4",
        "<f8",
        "|b1",
        "|O",
        "|S0",
        "|S5",
        "<U3",
        "|V8",
        "|V1000000000",
        "<M8[ns]",
        "<c16",
        "'",
        "4000000000i8",
        "",
        [("a", "<i8")],
        [("a", "|O")],
        ("<i8", (2**40,)),
        [("a", "<i8", (3,))] * 3,
    ]
)
PAYLOADS = st.one_of(
    st.binary(max_size=64),
    st.sampled_from([b"", bytes(8), np.arange(4).tobytes(), bytes(256), bytes(768), pickle.dumps(Touch("marker"))]),
)


@st.composite
def headers(draw):
    """The text of an array's header."""
    if draw(st.booleans()):
        parts = {"descr": draw(DTYPES), "fortran_order": draw(st.booleans()), "shape": draw(SHAPES)}
        return repr(parts)
    return draw(
        st.sampled_from(
            [
                "{'descr': '<i8', 'fortran_order': False, 'shape': " + "(" * 150 + "3" + ")" * 150 + "}",
                "{'descr': '<i8', 'fortran_order': False, 'shape': (" + "-" * 9000 + "3,)}",
                "{'descr': '<i8', 'fortran_order': False, 'shape': (0x" + "f" * 9000 + ",)}",
                "{'descr': '<i8', 'fortran_order': False, 'shape': (3L,), }",
                "{'descr': '<i8', 'fortran_order': 3, 'shape': (3,), 'more': 1}",
                "{'descr': '<i8', 'fortran_order': False, 'shape': (__import__('os').mkdir('marker'),)}",
                "[" * 190 + "]" * 190,
                "{" + "'a':{" * 150,
                "None",
                "{[]: 1}",
                "\\",
                "'''",
                " " * 20000,
            ]
        )
    )


@st.composite
def npys(draw):
    """An array with a header of any kind."""
    header = draw(headers()).encode("latin1", "replace") + b"\n"
    version = draw(st.sampled_from([(1, 0), (2, 0), (3, 0), (9, 9), (0, 0)]))
    length = draw(st.sampled_from([len(header)] * 6 + [0, 5, 2**16 - 1, 2**32 - 1]))
    size = struct.pack("<H", length % 2**16) if version == (1, 0) else struct.pack("<I", length)
    return b"\x93NUMPY" + bytes(version) + size + header + draw(PAYLOADS)


def npy(array):
    """The array as a file, objects pickled."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=True)
    return file.getvalue()


BAD_ARRAYS = st.sampled_from(
    [
        np.array([Touch("marker")] * 4, dtype=object),
        np.zeros(4),
        np.zeros(0),
        np.zeros((0, 5), np.int64),
        np.array(3),
        np.array([True, False]),
        np.array(["a"]),
        np.array([2**64 - 1] * 4, np.uint64),
        np.array([-1, 0, 1, 2]),
        np.full(4, np.nan, np.float32),
        np.zeros((4, 3), np.float32),
        np.asfortranarray(np.zeros((4, 8, 8), np.uint8)),
        np.zeros((4, 8, 8), np.uint8),
        np.arange(4),
        np.arange(4)[:, None],
        np.zeros(3, "i4,O"),
        np.zeros(3, "i4,f4"),
    ]
).map(npy)
NAMES = ("../../escaped", "/tmp/escaped", "..\\escaped", "a" * 300, "con", "", "a/b", "é\0x")


def bomb(size):
    """A deflated stream of `size` zeros, which begins like an array."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(npy(np.zeros(0, np.uint8)) + bytes(size)) + packer.flush()


@st.composite
def archives(draw, members):
    """A zip archive of `members` with some replaced, doubled, left out, reordered, renamed, packed or lied about."""
    listed = draw(st.permutations(list(members.items()))) if draw(st.booleans()) else list(members.items())
    listed = [list(pair) for pair in listed]
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(listed) - 1)) if listed else 0
        kind = draw(st.sampled_from(["drop", "double", "rename", "npy", "array", "array", "npy", "add"]))
        if kind == "add" or not listed:
            listed.append([draw(st.sampled_from(NAMES)), draw(st.binary(max_size=20))])
        elif kind == "drop":
            del listed[place]
        elif kind == "double":
            listed.append([listed[place][0], draw(st.sampled_from(list(members.values())))])
        elif kind == "rename":
            listed[place][0] = draw(st.sampled_from(NAMES)) + draw(st.sampled_from([".npy", ""]))
        else:
            listed[place][1] = draw(npys() if kind == "npy" else BAD_ARRAYS)
    packing = draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))
    content = zipped(listed, packing)
    if draw(st.integers(0, 3)) == 0:
        content = lying(content, draw(st.integers(0, 20)), draw(st.sampled_from([0, 1, 2**20, 2**31, 2**32 - 2])))
    return draw(damaged([content])) if draw(st.integers(0, 3)) == 0 else content


def zipped(members, packing=zipfile.ZIP_STORED):
    """The archive of these names and contents, repeated names included."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packing) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name or "_")
            info.compress_type = packing
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a name that is there already
                archive.writestr(info, content)
    return file.getvalue()


def lying(content, number, size):
    """The archive with another size of one member in its directory."""
    places = [place for place in range(len(content)) if content.startswith(b"PK\x01\x02", place)]
    if not places:
        return content
    place = places[number % len(places)] + 24
    return content[:place] + struct.pack("<I", size) + content[place + 4 :]
