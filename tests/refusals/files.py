"""Refusals of `medunlearn.files`, with inputs that reach them."""

import io
import os
import zipfile
from collections import OrderedDict
from pathlib import Path, PurePosixPath

import numpy as np
import torch

from medunlearn.files import check_checkpoint, expanded, read_archive, read_bytes, read_json, read_npy, read_yaml
from medunlearn.files.arrays import open_archive
from medunlearn.files.checkpoints import read_tensors
from medunlearn.files.configs import find_config, read_config


def npy(array):
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def archive(*members, kind=zipfile.ZIP_STORED, name="a.npz"):
    """Write an archive of names and contents."""
    with zipfile.ZipFile(name, "w", kind) as file:
        for member, content in members:
            file.writestr(member, content)
    return Path(name)


def arrays(**given):
    def call(at):
        np.savez("a.npz", **given)
        return read_archive(Path("a.npz"))

    return call


def packed(*members, **options):
    return lambda at: read_archive(archive(*members, **options))


def lying(at, old, new):
    """Read an archive of which bytes have been changed behind the data."""
    path = archive(("a.npy", npy(np.zeros(9))))
    path.write_bytes(path.read_bytes().replace(old, new))
    return read_archive(path)


def large(at):
    """Read an archive whose central directory declares more than the file holds."""
    path = archive(("a.npy", b"x" * 50))
    at.patch.setattr("os.fstat", lambda _: os.stat_result([0] * 10))
    return read_archive(path)


def without_memory(at):
    with open_archive(archive(("a.npy", npy(np.zeros(9))))):
        raise MemoryError


def shut_down(at):
    at.write("a.npz", "x")
    at.denied("open")
    try:
        read_archive(Path("a.npz"))
    except PermissionError as error:  # no damage: whoever named the file says so
        return error.strerror


def saved(content):
    def call(at):
        torch.save(content, "a.ckpt")
        return read_tensors(Path("a.ckpt"))

    return call


def compressed(at):
    torch.save({"a": torch.zeros(1000)}, "a.ckpt")
    with zipfile.ZipFile("a.ckpt") as source:
        members = [(name, source.read(name)) for name in source.namelist()]
    return check_checkpoint(archive(*members, kind=zipfile.ZIP_DEFLATED, name="b.ckpt"))


def unreadable(at):
    torch.save({"a": torch.zeros(2)}, "a.ckpt")
    at.patch.setattr("torch.load", lambda *_, **__: 1 / 0)
    return read_tensors(Path("a.ckpt"))


def text(read, content, name="a"):
    return lambda at: read(at.write(name, content))


def pipe(at):
    os.mkfifo("pipe")
    return read_bytes(Path("pipe"))


def folder(at):
    at.write("runs/s/config.yaml", "a: 1")
    return find_config("runs/s")


def hidden(at):
    at.denied("stat", of="s.yaml")
    return find_config("runs/s.yaml")


def denied(at):
    at.write("a.yaml", "a: 1")
    at.denied()
    return read_config(Path("a.yaml"))


CYCLE = "a: &a [*a]"

ROWS = [
    (
        lambda at: expanded("$NOT_SET_HERE/x.npz", "data.file"),
        "data.file=$NOT_SET_HERE/x.npz: the environment variable NOT_SET_HERE is not set; …",
    ),
    # Arrays
    (
        lambda at: read_npy(at.write("a.npy", b"\x93NUMPY\x01\x00\x0a\x00{'descr':\n")),
        "cut short or damaged (…); copy, download or save it again",
    ),
    (
        lambda at: read_npy(at.write("a.npy", npy(np.zeros(2)).replace(b"'<f8'", b"()   "))),
        "the header of the array is damaged; save it again",
    ),
    (
        arrays(a=np.array([{}], dtype=object)),
        "a holds Python objects, which only pickle reads, and that could run code; save it as numbers",
    ),
    (
        packed(("a.npy", npy(np.zeros(2)) + b"more")),
        "a declares shape (2,), but its size in the file differs; save the file again",
    ),
    (arrays(a=np.array(["x"])), "a is <U1, not real numbers; save the file again"),
    (arrays(a=np.array([1j])), "a is complex128, not real numbers; save the file again"),
    (
        packed(("a.npy", b"x"), kind=zipfile.ZIP_BZIP2),
        "a.npy is compressed in another way than deflate; save it again with NumPy",
    ),
    (
        lambda at: lying(
            at, (128 + 72).to_bytes(4, "little") * 2, (200).to_bytes(4, "little") + (999).to_bytes(4, "little")
        ),
        "a.npy declares 999 bytes, which it cannot hold; save it again",
    ),
    (packed(("a.npy", b"x"), ("a.npy", b"y")), "it holds something twice under one name; save it again"),
    (large, "its parts declare more than its 0 bytes; save it again"),
    (
        without_memory,
        "its arrays do not fit into memory; use a machine with more memory, or save fewer or smaller ones",
    ),
    (shut_down, "Permission denied"),
    # Weights
    (compressed, "… is compressed, as torch never writes it; train that run again"),
    (
        lambda at: check_checkpoint(archive(("a/version", "3"), name="a.ckpt")),
        "it is not a file of weights; train that run again",
    ),
    (
        saved({"a": PurePosixPath("x")}),
        "it asks for pathlib… PurePosixPath, which is not a tensor; train that run again",
    ),
    (unreadable, "ZeroDivisionError; train that run again"),
    (saved(OrderedDict(w=torch.ones(2))), "it holds no weights of medunlearn; train that run again"),
    # Configs
    (
        lambda at: find_config("salun_blod_10.yaml"),
        "config=salun_blod_10.yaml: no such file; give the path of a YAML file, or a shipped one such as …",
    ),
    (folder, "config=runs/s: is a directory; give a file in it, such as runs/s/config.yaml"),
    (lambda at: find_config("/dev/null"), "config=/dev/null: is no file; give a YAML file"),
    (hidden, "config=runs/s.yaml: cannot be read (Permission denied); give yourself the right to"),
    (denied, "config=a.yaml: cannot be read (Permission denied); give yourself the right to read it"),
    (
        text(read_config, "a: [", "a.yaml"),
        "config=a.yaml: cannot be read as YAML (line 1, column 5: …); fix the file",
    ),
    (text(read_config, "", "a.yaml"), "config=a.yaml: is empty; write `name: value` lines as in the shipped configs"),
    (
        text(read_config, "- a", "a.yaml"),
        "config=a.yaml: holds no settings; write `name: value` lines as in the shipped configs",
    ),
    # JSON and YAML
    (pipe, "this is a pipe or device, not a file; give a file"),
    (
        text(read_yaml, "#" * 300_000),
        "its 300000 bytes are more than the 262144 of any settings; give a shorter file",
    ),
    (text(read_json, "["), "Expecting value: line 1 column 2 (char 1); write it again"),
    (text(read_json, "[" * 60 + "]" * 60), "nested more than 50 deep; write it again"),
    (text(read_yaml, "a: ["), "line 1, column 5: …; fix it"),
    (text(read_yaml, "[" * 60 + "]" * 60), "nested more than 50 deep; write it flatter"),
    (text(read_yaml, CYCLE), "an alias stands for what it is part of; write it out"),
    (text(read_yaml, "[" + "1," * 10_001 + "]"), "more than 10000 values; give settings"),
    (text(read_yaml, f"a: {'1' * 200}"), "a number of 200 characters; write it shorter"),
]
