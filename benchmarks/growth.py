"""Does time grow in proportion to the number of images, and not with the forget rate?

One epoch of Train and of SalUn (10 % forgotten) at 1,000 to 90,000 images, and SalUn at 1 to 90 % of the middle size.
Images are of 8x8 pixels, so that the largest case takes minutes; network, loop and data handling are the real ones.
"""

import tempfile
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from common import fit, made_up, options, report, short_options

STAGES = ("training", "saliency", "evaluation", "attack")


def chain(folder: Path, count: int, rates: list[float], apart: bool) -> list[dict[str, Any]]:
    """Train on `count` images, unlearn each share of them, and return the seconds by stage."""
    file = made_up(folder / f"{count}.npz", count, size=8, others=count // 10)
    arguments = ("--trainer.max_epochs=1", "--trainer.logger=false", "--trainer.enable_checkpointing=false")
    arguments += short_options(short=not apart)
    original = folder / f"train_{count}"
    runs = [("Train", 0.0, fit("Train", original, file, *arguments, apart=apart))]
    for rate in rates:
        unlearn = (f"--data.forget.rate={rate}", f"--model.init_args.original={original}")
        run = folder / f"salun_{count}_{rate}"
        runs.append(("SalUn", rate, fit("SalUn", run, file, *arguments, *unlearn, apart=apart)))
    return [
        {"method": method, "images": count, "forget rate": rate}
        | {f"{stage}, s": metrics["runtime"].get(stage, 0.0) for stage in STAGES}
        for method, rate, metrics in runs
    ]


def plot(rows: list[dict[str, Any]], middle: int, path: Path) -> None:
    """Draw time against images and against the forget rate; dotted lines are in proportion."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    by_size = [row for row in rows if row["method"] == "SalUn" and row["forget rate"] == 0.1]
    by_rate = [row for row in rows if row["method"] == "SalUn" and row["images"] == middle]
    for stage in STAGES:
        key = f"{stage}, s"
        (line,) = left.plot([row["images"] for row in by_size], [row[key] for row in by_size], "o-", label=stage)
        last = by_size[-1]
        scaled = [last[key] * row["images"] / last["images"] for row in by_size]
        left.plot([row["images"] for row in by_size], scaled, ":", color=line.get_color())
        right.plot([100 * row["forget rate"] for row in by_rate], [row[key] for row in by_rate], "o-", label=stage)
    left.set(
        xscale="log",
        yscale="log",
        xlabel="training images",
        ylabel="seconds",
        title="10 % forgotten, one epoch (dotted: in proportion)",
    )
    right.set(xlabel="forget rate (%)", ylabel="seconds", ylim=0, title=f"{middle:,} training images, one epoch")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    for ending in ("png", "svg"):
        figure.savefig(path.with_suffix(f".{ending}"), dpi=120)


def main() -> None:
    args = options(__doc__)
    counts, middle = ([40, 80], 80) if args.short else ([1_000, 3_000, 10_000, 30_000, 90_000], 10_000)
    rates = [0.1, 0.5] if args.short else [0.01, 0.1, 0.25, 0.5, 0.75, 0.9]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            rows += chain(Path(folder), count, rates if count == middle else [0.1], apart=not args.short)
    report(args, rows, size=8)
    plot(rows, middle, args.out / "growth")


if __name__ == "__main__":
    main()
