"""`medunlearn export`: the model of a finished run as safetensors, ONNX, torch.export or a MONAI bundle."""

from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from medunlearn.cli.parser import BOOLEAN, CommandParser
from medunlearn.errors import InputError
from medunlearn.runs import RunDir

EPILOG = """formats, each compared with the model before the folder appears:
  safetensors    weights, and metadata as text: architecture, labels, size, mean and std, hashes
  onnx           a graph for any number of images, the normalisation inside  (needs the extra [onnx])
  torch_export   the same as PyTorch's .pt2
  monai          configs/metadata.json and models/model.pt of a MONAI bundle

examples:
  medunlearn export runs/request_1 --format onnx
  medunlearn export runs/request_1 --format safetensors onnx monai --out clinic_model
"""


def export(argv: list[str]) -> int:
    """Run `medunlearn export RUN [--format F...] [--out DIR]` and return its exit status.

    Args:
        argv: The run directory and options.

    Raises:
        InputError: If the run cannot be exported.
    """
    given = _parser().parse_args(argv)
    if given.run is None:
        raise InputError(
            "export: no run given; name a finished one, as in `medunlearn export runs/salun --format onnx`"
        )
    from medunlearn.exporting import export as exported  # imports torch, which `--help` avoids

    out = given.out or RunDir.given(given.run, "run").path / "export"
    formats, overwrite = given.format or ["safetensors"], given.overwrite
    content = exported(given.run, formats, out, overwrite=overwrite, file=given.file, backbone=given.backbone)
    for line in lines(content):
        print(line)
    print(f"Written to {out}: {', '.join(content['files'])}")
    return 0


def lines(content: dict[str, Any]) -> list[str]:
    """Return what was written and how it was checked, one line per format.

    Args:
        content: Of `export.json`.
    """
    return [f"{name}: {_checked(content['checks'][name])}" for name in content["formats"]]


def _checked(found: dict[str, Any]) -> str:
    if "largest_difference" in found:
        opset = f"opset {found['opset']}, " if "opset" in found else ""
        return f"{opset}the same classes on {found['images']}, logits within {found['largest_difference']:.1e}"
    if "tensors" in found:
        return f"{found['tensors']} tensors, equal to the run's {found['equal']}"
    return f"metadata by {found['schema']}"


def _parser() -> CommandParser:
    parser = CommandParser(
        "medunlearn export RUN",
        description="Write the model of a finished run in formats that other programs read, with a model card.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", nargs="?", metavar="RUN", help="a finished run: original, retrained or unlearned")
    text = "formats; may be given several times (safetensors)"
    parser.add_argument("--format", nargs="+", action="extend", metavar="F", help=text)
    parser.add_argument("--out", type=Path, metavar="DIR", help="the folder (RUN/export)")
    parser.add_argument("--overwrite", help="replace an earlier export", **BOOLEAN)
    parser.add_argument("--file", type=Path, metavar="F", help="the run's data file, where it has moved")
    parser.add_argument("--backbone", metavar="PATH", help="import path of the network, if it is your own")
    return parser
