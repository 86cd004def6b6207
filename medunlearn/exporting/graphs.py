"""Graphs that run without this package: torch.export's .pt2 and ONNX, with normalisation and any batch size."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from medunlearn.errors import RunError
from medunlearn.exporting.checking import Examples, compared
from medunlearn.exporting.subject import Classify, Subject

OPSET = 18
"""Of ONNX: old enough for readers of 2023, and what PyTorch's exporter is written for."""
MOST_BYTES = 2**31
"""Of an ONNX file in one piece."""


def write_torch_export(subject: Subject, folder: Path, to: Examples) -> dict[str, Any]:
    """Write `model.pt2`, load it and compare it with the model.

    Raises:
        InputError: If the network cannot be exported, or the file differs from the model.
    """
    file = folder / "model.pt2"
    torch.export.save(traced(subject, "torch_export"), file, extra_files={"medunlearn.json": _facts(subject)})
    return compared(_grads_off(torch.export.load(file).module()), to, "torch_export")


def write_onnx(subject: Subject, folder: Path, to: Examples) -> dict[str, Any]:
    """Write `model.onnx`, run it with onnxruntime and compare it with the model.

    Raises:
        InputError: If the network cannot be exported or is too large, or the file differs from the model.
    """
    import onnx

    size = sum(value.numel() * value.element_size() for value in subject.network.state_dict().values())
    if size >= MOST_BYTES:
        raise RunError(
            f"format=onnx: has {size / 2**30:.1f} GiB of weights, and ONNX files hold 2; choose another format"
        )
    program = traced(subject, "onnx")
    model = _converted(program, subject)
    _strip(model)
    onnx.helper.set_model_props(model, subject.facts())
    model.producer_name, model.producer_version = "medunlearn", subject.facts()["medunlearn"]
    onnx.checker.check_model(model, full_check=True)
    file = folder / "model.onnx"
    onnx.save(model, file)
    return {"opset": OPSET, **compared(_session(file), to, "onnx")}


def traced(subject: Subject, name: str) -> ExportedProgram:
    """Return the graph of a model, for any number of images; without source lines and folders of its code.

    Raises:
        InputError: If the network cannot be exported.
    """
    example = torch.zeros(2, *subject.shape)
    try:
        program = torch.export.export(
            Classify(subject.network).eval(), (example,), dynamic_shapes={"images": {0: Dim("batch")}}
        )
    except Exception as error:  # exporters raise many kinds of errors
        raise RunError(
            f"format={name}: {subject.architecture} cannot be exported as a graph ({type(error).__name__}: {error}); "
            "choose safetensors"
        ) from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    return program


def _converted(program: ExportedProgram, subject: Subject) -> Any:
    """Return the graph as a model of ONNX."""
    converted = torch.onnx.export(
        program,
        (torch.zeros(2, *subject.shape),),
        dynamo=True,
        input_names=["images"],
        output_names=["logits"],
        dynamic_shapes={"images": {0: Dim("batch")}},
        opset_version=OPSET,
        verbose=False,
    )
    assert converted is not None
    return converted.model_proto


def _strip(model: Any) -> None:
    """Remove the exporter's notes on the code and the machine, which must not be passed on with the file."""
    model.doc_string = model.graph.doc_string = ""
    parts = [model.graph, *model.functions]
    noted = [*model.graph.input, *model.graph.output, *model.graph.value_info, *model.graph.initializer]
    for each in [*parts, *noted, *(node for part in parts for node in part.node)]:
        each.doc_string = ""
        del each.metadata_props[:]


def _session(file: Path) -> Any:
    """Return a function that runs an ONNX file on images."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(["logits"], {"images": images.numpy()})[0]


def _grads_off(network: Any) -> Any:
    def answers(images: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.as_tensor(network(images))

    return answers


def _facts(subject: Subject) -> str:
    import json

    return json.dumps(subject.facts())
