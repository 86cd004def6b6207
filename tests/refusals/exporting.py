"""Refusals of `medunlearn.exporting`, with inputs that reach them."""

import numpy as np
from helpers.backbones import TINY

import medunlearn
from medunlearn.exporting import subject
from medunlearn.exporting.checking import compared, examples
from medunlearn.models import ImageFormat


def export(*options, run="t"):
    def call(at):
        at.take("t")
        return at.command("export", run, "--backbone", TINY, *options)

    return call


def without_onnx(at):
    at.patch.setattr("medunlearn.exporting.folder.find_spec", lambda name: None)
    return export("--format", "onnx")(at)


def no_size(at):
    at.take("t")
    at.patch.setattr(subject, "load_model", lambda *_: medunlearn.models.build_backbone(TINY, 4))
    at.patch.setattr(medunlearn.models.Backbone, "image_format", ImageFormat(4, 3))
    return medunlearn.export("t")


def full(name, content="x"):
    def call(at):
        at.write(name, content)
        return export("--out", "out")(at)

    return call


def twice(at):
    export()(at)
    return at.command("export", "t", "--backbone", TINY)


def added(at):
    export("--out", "out")(at)
    at.write("out/model.sig")
    return at.command("export", "t", "--backbone", TINY, "--out", "out", "--overwrite", "true")


def other_images(at):
    at.take("t")
    at.npz(test_images=np.zeros((12, 8, 8, 3), np.uint8)).rename("other.npz")
    at.take()
    return at.command("export", "t", "--backbone", TINY, "--file", "other.npz")


def no_images(at):
    return export("--file", "none.npz")(at)


def another_model(at):
    at.take("t")
    to = examples(subject.read_subject("t", TINY))
    return compared(lambda images: -to.logits[: len(images)].numpy(), to, "onnx")


def large(at):
    at.patch.setattr("medunlearn.exporting.graphs.MOST_BYTES", 10)
    return export("--format", "onnx")(at)


def no_graph(at):
    at.patch.setattr("helpers.backbones.TinyNet.forward", lambda self, x: x if x.sum() > 0 else self.fc(x.mean((2, 3))))
    at.patch.setattr("medunlearn.exporting.folder.examples", lambda *_: None)
    return export("--format", "torch_export")(at)


ROWS = [
    (
        lambda at: at.command("export"),
        "export: no run given; name a finished one, as in `medunlearn export runs/salun --format onnx`",
    ),
    (no_size, "run=t: its weights do not say the size of their images; run that stage again"),
    (export("--format", "tflite"), "format=tflite: no such format; choose from safetensors, onnx, torch_export, monai"),
    (
        without_onnx,
        "format=onnx: needs onnx; `pip install 'medunlearn[onnx]'`, or choose another format",
    ),
    (
        lambda at: medunlearn.export("t", []),
        "format: none is given; choose from safetensors, onnx, torch_export, monai",
    ),
    (full("out/notes.txt"), "out=out: does not hold an export; name another folder"),
    (full("out/export.json", "[]"), "out=out: does not hold an export; name another folder"),
    (added, "out=out: holds model.sig, which no export wrote; move it, or name another folder"),
    (
        twice,
        "out=t/export: holds an export already; `--overwrite true` replaces it, another out keeps it",
    ),
    (other_images, "file=other.npz: its images are not the run's; give its data file, or none"),
    (no_images, "data.file=none.npz: …"),
    (
        another_model,
        "format=onnx: what was exported is not the model: on 12 test images, … differ and logits are up to … apart "
        "(1.0e-04 is allowed); choose another format",
    ),
    (large, "format=onnx: has 0.0 GiB of weights, and ONNX files hold 2; choose another format"),
    (
        no_graph,
        f"format=torch_export: {TINY} cannot be exported as a graph (…); choose safetensors",
    ),
]
