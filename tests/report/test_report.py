import csv
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
import yaml

from medunlearn.__main__ import main
from medunlearn.models import ResNet18, save_weights
from medunlearn.report.collect import collect
from medunlearn.report.published import DIFFERENCES, TABLES, published
from medunlearn.report.sections import sections
from medunlearn.runs import RunDir

KEYS = ("UA", "RA", "TA", "MIA")
CLASSES = 4


def predictions(seed, forgotten):
    """Random probabilities for 40 training, 12 test and 8 validation images."""
    rng = np.random.default_rng(seed)
    rows = {"forget": np.array(forgotten, dtype=np.int64), "test": np.arange(12), "val": np.arange(8)}
    rows["retain"] = np.setdiff1d(np.arange(40), rows["forget"])
    arrays = {}
    for part, index in rows.items():
        arrays[f"{part}_probs"] = rng.dirichlet(np.ones(CLASSES), len(index)).astype(np.float32)
        arrays[f"{part}_labels"] = index % CLASSES
        arrays[f"{part}_index"] = index
    return arrays


def fake(path, method, values, seed=0, rate=0.1, augmentation="Default", data="bloodmnist", before=None, **arguments):
    """Write the run directory of a run that was never made."""
    run = RunDir(path)
    forgotten = [] if rate is None else [seed, 10 + seed, 20, 30]
    split = f"split of {data}, rate {rate}, seed {seed}"
    original = arguments.get("original")
    metrics = {
        "method": method,
        **dict(zip(KEYS, values, strict=True)),
        "AG": None,
        "RTE": {"Train": 20.0, "Retrain": 18.0}.get(method, 0.9) + seed,
        "runtime": {"training": 60.0},
        "n": {"forget": len(forgotten), "retain": 40 - len(forgotten), "test": 12, "val": 8},
        "data": data,
        "split_sha256": split,
        "seed": seed,
        "original": original,
        "before": None if before is None else dict(zip(KEYS, before, strict=True)),
        "hardware": {"name": "Some & Processor"},
        "versions": {"torch": "2.15.0"},
        "precision": "bf16-mixed",
    }
    config = {
        "data": {"dataset": data, "augmentation": augmentation, "forget": {"rate": rate, "seed": seed}},
        "model": {
            "class_path": f"medunlearn.{method}",
            "init_args": {"lr": 0.013 if method == "SalUn" else 0.1, **arguments},
        },
    }
    run.write_bytes(run.config, yaml.safe_dump(config).encode())
    run.write_json(run.split, {"indices": forgotten})
    run.write_predictions(predictions(len(method) + seed, forgotten))
    run.checkpoints.mkdir(exist_ok=True)
    torch.manual_seed(seed)
    model = ResNet18(CLASSES)
    if method == "SalUn":
        with torch.no_grad():
            model.fc.bias[:2] += 1
    save_weights(model, run.weights)
    if method == "SalUn":
        (run.logs / "version_0").mkdir(parents=True)
        lines = [
            "epoch,train/loss_epoch,unlearning/RA,unlearning/TA,unlearning/UA",
            "0,0.5,,,",
            "0,,99.0,90.0,2.0",
            "1,,98,89,4",
        ]
        (run.logs / "version_0" / "metrics.csv").write_text("\n".join(lines))
    run.write_json(run.metrics, metrics)
    return str(path)


def chain(seed=0, shift=0.0, **more):
    """Train, Retrain and SalUn of one seed."""
    root = f"runs/{'_'.join(map(str, [*more.values(), seed]))}"
    train = fake(f"{root}/train", "Train", (None, 99.0, 96.0, None), seed, **(more | {"rate": None}))
    retrain = fake(f"{root}/retrain", "Retrain", (5.0 + shift, 98.0, 95.0, 10.0), seed, **more)
    before = (1.0, 99.0, 96.0, 4.0)
    salun = fake(f"{root}/salun", "SalUn", (4.0, 97.0, 94.5, 9.0), seed, before=before, original=train, **more)
    return [train, retrain, salun]


def write(*runs, out="out", status=0):
    assert main(["report", *runs, "--out", out]) == status
    return Path(out)


def records(out):
    with (out / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_gaps_are_paired_by_seed_and_averaged_over_seeds():
    shifts = (0.0, 2.0, -1.0)
    out = write(*(run for seed, shift in enumerate(shifts) for run in chain(seed, shift)))
    found = {(line["method"], int(line["seed"])): line for line in records(out)}
    assert len(found) == 9
    by_hand = []
    for seed, shift in enumerate(shifts):
        gaps = [abs(4.0 - (5.0 + shift)), 1.0, 0.5, 1.0]
        by_hand.append(sum(gaps) / 4)
        assert float(found["SalUn", seed]["AG"]) == pytest.approx(by_hand[-1])
        assert float(found["SalUn", seed]["gap_UA"]) == pytest.approx(gaps[0])
        before = [abs(1.0 - (5.0 + shift)), 1.0, 1.0, 6.0]
        assert float(found["Original", seed]["AG"]) == pytest.approx(sum(before) / 4)
    mean = sum(by_hand) / 3
    deviation = math.sqrt(sum((value - mean) ** 2 for value in by_hand) / 2)
    shown = f"{mean:.2f} ± {deviation:.2f}"
    assert shown in (out / "report.md").read_text()
    assert shown in (out / "report.html").read_text()
    assert shown.replace("±", r"$\pm$") in (out / "tables.tex").read_text()


def test_a_gap_is_never_taken_to_another_seed_split_or_preset():
    _, retrain, salun = chain(seed=0)
    other_seed, other_preset = chain(seed=1), chain(seed=0, augmentation="NoAug")
    lines = records(write(salun, other_seed[1], other_preset[1]))
    assert [line["AG"] for line in lines if line["method"] == "SalUn"] == [""]
    lines = records(write(salun, retrain, other_seed[1], other_preset[1], out="with"))
    (line,) = [line for line in lines if line["method"] == "SalUn"]
    assert line["reference"] == retrain
    assert float(line["AG"]) == pytest.approx(0.875)


def test_the_papers_values_stand_beside_measured_ones_with_a_footnote():
    out = write(*chain())
    text = (out / "report.md").read_text()
    assert (
        "| *SalUn, Falcao & Cordeiro 2025* | 0.00 (0.84) | 99.92 (0.12) | 98.89 (0.32) | 0.17 (1.59) | 0.72 | 1.1 | 1 |"
    ) in text
    assert "relabel none" in text
    assert "Falcao &amp; Cordeiro 2025" in (out / "report.html").read_text()
    plain = write(*chain(data="mine"), out="mine")
    assert "Falcao" not in (plain / "report.md").read_text()
    noaug = write(*chain(augmentation="NoAug"), out="noaug")
    assert "0.72" not in (noaug / "report.md").read_text(), "the paper's tables are of Default"


def test_published_values_add_up():
    """AG as printed is the mean of the four printed differences, to rounding; at 50 % it is not, and that is said."""
    of_differences = {}
    for (data, forgotten, label), row in TABLES.items():
        reference = TABLES[data, forgotten, "Retrain"]
        gap = sum(abs(getattr(row, key) - getattr(reference, key)) for key in KEYS) / 4
        of_differences[data, forgotten, label] = round(gap, 2)
        if forgotten == "10 %" or label == "Retrain":
            assert gap == pytest.approx(row.AG, abs=0.011), (data, forgotten, label)
    odd = [of_differences[f"{data}mnist", "50 %", "SalUn"] for data in ("blood", "organa", "path")]
    assert ", ".join(f"{gap:.2f}" for gap in odd) in DIFFERENCES
    assert published("bloodmnist", "10 %", "SalUn", "Default").RTE == 1.1
    assert published("bloodmnist", "10 %", "SalUn", "NoAug") is None


def test_what_was_not_run_is_said():
    _, retrain, _ = chain()
    text = (write(retrain) / "report.md").read_text()
    assert "| SalUn | not run | not run | not run | not run |" in text
    assert "| Original | not run |" in text


@pytest.mark.parametrize("others", [0, 1, 2])
def test_variants_of_a_method_are_rows_of_their_own(others):
    """The method's default goes without saying, however many runs have another value."""
    train, retrain, _ = chain()
    more = {"before": (1, 99, 96, 4), "original": train}
    plain = fake("runs/plain", "SalUn", (1.0, 99, 96, 5), relabel="random", **more)
    none = [fake(f"runs/none{n}", "SalUn", (1.0, 99, 96, 5), seed=n, relabel="none", **more) for n in range(others)]
    cells = collect(map(RunDir, [*none, train, retrain, plain]))
    labels = [cell.label for cell in cells]
    assert labels == ["Original", "Retrain", "SalUn", *(["SalUn (relabel none)"] if others else [])]
    assert len(cells[-1].seeds) == max(1, others)


def test_the_same_experiment_twice_is_refused(capsys):
    train, retrain, salun = chain()
    again = fake("runs/again", "SalUn", (1.0, 99, 96, 5), before=(1, 99, 96, 4), original=train)
    write(train, retrain, salun, again, status=2)
    assert "are the same experiment, seed 0; give one of them" in capsys.readouterr().err
    assert not Path("out").exists()


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.sources, self.tags = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.sources += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_fetches_nothing():
    out = write(*chain(), *chain(seed=1))
    text = (out / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert not page.open
    assert "script" not in page.tags
    assert all(source.startswith(("data:image/png;base64,", "#")) for source in page.sources)
    assert "url(" not in text
    assert "@import" not in text
    assert "Some &amp; Processor" in text
    answer = text.index("SalUn ends 0.88")
    assert answer < text.index("<table>"), "the answer comes first"


def test_every_figure_is_drawn_as_png_and_svg():
    train, retrain, salun = chain()
    out = write(train, retrain, salun)
    names = {path.stem for path in out.glob("*.png")}
    kinds = ("gap_by_preset", "time", "probabilities", "classes", "curves", "weights")
    assert all(any(name.startswith(kind) for name in names) for kind in kinds)
    assert names == {path.stem for path in out.glob("*.svg")}
    for path in out.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
        assert f"({path.name})" in (out / "report.md").read_text()
    for path in out.glob("*.svg"):
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
    weights = (out / next(f"{name}.svg" for name in names if name.startswith("weights"))).read_text()
    assert "layer4.1.conv2" in weights


def test_shares_of_changed_weights_by_hand():
    from medunlearn.report.readings import changed_weights

    train, retrain, salun = chain()
    cell = collect(map(RunDir, [train, retrain, salun]))[-1]
    shares = changed_weights(cell)
    assert shares["fc"] == pytest.approx(100 * 2 / (512 * CLASSES + CLASSES))
    assert {name for name, share in shares.items() if share} == {"fc"}


def test_per_class_error_by_hand():
    from medunlearn.report.readings import class_error, predictions

    cells = collect(map(RunDir, chain()))
    found = {label: seeds[0] for label, seeds in predictions(sections(cells)[0]).items()}
    assert list(found) == ["Original", "Retrain", "SalUn"]
    assert found["Original"].forget.rows.tolist() == [0, 10, 20, 30], "the original on the forget set of the others"
    part = found["SalUn"].forget
    for number in range(CLASSES):
        rows = [row for row in range(len(part.labels)) if part.labels[row] == number]
        wrong = [row for row in rows if list(part.probs[row]).index(max(part.probs[row])) != number]
        assert class_error([part], number) == (100 * len(wrong) / len(rows) if rows else None)


def test_reports_come_out_the_same_each_time():
    runs = [*chain(), *chain(seed=1)]
    first, second = write(*runs, out="a"), write(*reversed(runs), out="b")
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(path.name for path in second.iterdir())
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_latex_escapes_and_balances():
    text = (write(*chain(data="our_data & more")) / "tables.tex").read_text()
    assert r"our\_data \& more" in text
    assert text.count(r"\begin{") == text.count(r"\end{")
    assert text.count("{") == text.count("}")
    body = [line.removesuffix("{%") for line in text.splitlines() if not line.startswith("%")]
    assert not any(re.search(r"(?<!\\)[%#_]", line) for line in body)
    assert r"\textbf{" in text
    assert all(
        line.count("&") - line.count(r"\&") == 6 for line in body if line.startswith(("SalUn", "Retrain", "Original"))
    )


@pytest.mark.parametrize("missing", ["predictions.npz", "checkpoints/model.ckpt", "logs/version_0/metrics.csv"])
def test_a_figure_without_its_data_is_left_out(missing):
    train, retrain, salun = chain()
    for run in (train, retrain, salun):
        (Path(run) / missing).unlink(missing_ok=True)
    out = write(train, retrain, salun)
    assert "SalUn ends" in (out / "report.html").read_text()


def test_wrong_runs_are_refused_in_one_line(capsys):
    train, _, salun = chain()
    write("nowhere", status=2)
    assert "nowhere: holds no finished run" in capsys.readouterr().err
    write(train, status=2)
    assert "none of the runs forgets anything" in capsys.readouterr().err
    Path("file").write_text("")
    write(salun, out="file", status=2)
    assert "out=file: is a file; name a directory" in capsys.readouterr().err
    metrics = json.loads((Path(salun) / "metrics.json").read_text())
    (Path(salun) / "metrics.json").write_text(
        json.dumps({key: value for key, value in metrics.items() if key != "RTE"})
    )
    write(salun, status=2)
    assert "lacks RTE; run that stage again" in capsys.readouterr().err


def test_one_variant_alone_is_named_after_what_departs_from_the_defaults():
    train, retrain, _ = chain()
    none = fake("runs/none", "SalUn", (1.0, 99, 96, 5), relabel="none", before=(1, 99, 96, 4), original=train)
    text = (write(train, retrain, none) / "report.md").read_text()
    assert "| SalUn (relabel none) | 1.00" in text
    assert "| SalUn | not run" in text, "the paper has a row for it"
    text = (write(*chain(data="mine"), out="mine") / "report.md").read_text()
    assert "not run" not in text


def test_two_retrained_models_for_one_run_are_refused(capsys):
    runs = chain()
    write(*runs, fake("runs/other", "Retrain", (9.0, 98, 95, 10), lr=0.5), status=2)
    told = capsys.readouterr().err
    assert "are both Retrain of the same split, preset and seed" in told
    assert told.count("\n") == 1


def test_seeds_of_other_settings_are_no_seeds_of_one_experiment(capsys):
    first = chain(seed=0)
    write(*first, *chain(seed=1)[:1], fake("runs/other", "Retrain", (9.0, 98, 95, 10), seed=1, lr=0.5), status=2)
    assert "would be seeds of one experiment, but lr is 0.1 and 0.5" in capsys.readouterr().err


def change(run, data=None, **metrics):
    """Change a run's metrics and the data part of its config."""
    run = RunDir(run)
    run.write_json(run.metrics, run.read_metrics("test") | metrics)
    config = run.read_config("test")
    config["data"] |= data or {}
    run.write_bytes(run.config, yaml.safe_dump(config).encode())


def test_one_name_for_two_sizes_makes_two_tables():
    small, large = chain(seed=0), chain(seed=1)
    for runs, size in ((small, 28), (large, 64)):
        for run in runs:
            change(run, data={"size": size}, data_sha256=f"hash of {size}")
    out = write(*small, *large)
    assert {line["data"] for line in records(out)} == {"bloodmnist at 28x28", "bloodmnist at 64x64"}
    text = (out / "report.md").read_text()
    assert text.count("*SalUn, Falcao & Cordeiro 2025*") == 1, "the paper's images are 64x64"


def test_the_protocol_is_told():
    runs = chain()
    for run, epochs in zip(runs, (200, 200, 10), strict=True):
        change(run, data={"size": 64, "batch_size": 256}, epochs=epochs)
    out = write(*runs)
    line = "4 of 40 training images forgotten, 12 test images, 64x64 pixels; Retrain: 200 epochs, batch 256; SalUn: 10"
    assert line in (out / "report.md").read_text()
    assert line in (out / "report.html").read_text()
    assert "64x64 pixels" in (out / "tables.tex").read_text()
    assert "1.57, 0.70, 4.91" in (out / "tables.tex").read_text(), "the differences from the paper are printed too"


def test_many_sections_are_answered_by_one_table():
    out = write(*chain(), *chain(rate=0.5), *chain(augmentation="NoAug"))
    text, page = (out / "report.md").read_text(), (out / "report.html").read_text()
    assert text.index("| bloodmnist, 10 % forgotten, NoAug | SalUn | **0.88** | 3.00 | 5.0 % |") < text.index("## ")
    assert page.index('<table class="glance">') < page.index("<h2")
    assert page.count("<td><b>0.88</b></td><td>3.00</td><td>5.0 %</td>") == 3


def test_worse_than_the_untouched_model_is_said():
    train, retrain, _ = chain()
    bad = fake("runs/bad", "SalUn", (50.0, 50.0, 50.0, 90.0), before=(1, 99, 96, 4), original=train)
    assert "no nearer than the untouched model (3.00)" in (write(train, retrain, bad) / "report.md").read_text()


def test_figures_take_all_seeds_and_methods_keep_their_colours():
    from medunlearn.report.charts import colours, error_by_class, probabilities
    from medunlearn.report.readings import curves, predictions

    runs = [run for seed in range(3) for run in chain(seed=seed)]
    (section,) = sections(collect(map(RunDir, runs)))
    assert all(len(seeds) == 3 for seeds in predictions(section).values())
    curve = curves(section, section.cell("SalUn"))["UA"]
    assert curve.epochs == [0, 1, 2]
    assert curve.means == [1.0, 2.0, 4.0], "epoch 0 is the untouched model"
    labels = colours([section])
    assert len(set(labels.values())) == len(labels)
    bars = error_by_class(section, labels).axes[0]
    assert [int(tick.get_text().partition("n=")[2]) for tick in bars.get_xticklabels()] == np.bincount(
        np.concatenate([np.array([seed, 10 + seed, 20, 30]) % CLASSES for seed in range(3)]), minlength=CLASSES
    ).tolist()
    assert len(probabilities(section, labels).axes) == 3
