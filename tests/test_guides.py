"""Guides below docs/: their commands are understood, their code runs, and what they say of the package is so."""

import json
import re
import signal
import sys
import tomllib
from inspect import signature
from pathlib import Path

import pandas as pd
import pytest
from helpers.blocks import OF_SCANS, block, blocks, check_understood, commands, run_all, tiny, write_named, write_scans
from helpers.plugin_package import install
from helpers.runs import QUIET
from helpers.studies import here
from lightning.pytorch import LightningModule, Trainer

from medunlearn import (
    Classifier,
    ForgetSpec,
    MedMNISTDataModule,
    Pretrained,
    SalUn,
    UnlearningMetrics,
    plugins,
)
from medunlearn.__main__ import main
from medunlearn.cli.settings import resolved_settings
from medunlearn.contracts import Draw
from medunlearn.errors import Interrupted, command_line
from medunlearn.files.configs import shipped_configs
from medunlearn.metrics.legend import LEGEND
from medunlearn.plans import engines
from medunlearn.report.published import tables
from medunlearn.runs import RunDir
from medunlearn.training.failures import explained

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NAMES = ("paper", "images", "deletion_request", "settings", "several_gpus", "wandb", "write_a_method", "plug_ins")
PAGES = {name: DOCS / "guides" / f"{name}.md" for name in (*NAMES, "python")}
PAGES |= {name: DOCS / f"{name}.md" for name in ("metrics", "differences", "trust")}
OTHERS = {"pip", "wandb", "ray", "pytest", "python"}
"""Programs that are not ours."""


# Every page


@pytest.mark.parametrize("name", PAGES)
def test_commands_of_a_guide_are_understood(name, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(Path.cwd()))
    write_named(PAGES[name])
    for program, *argv in [each for code in blocks(PAGES[name], "bash") for each in commands(code)]:
        assert program in {"medunlearn", *OTHERS}
        if program == "medunlearn":
            check_understood(argv, monkeypatch)


@pytest.mark.parametrize("name", PAGES)
def test_options_that_a_guide_names_exist(name):
    text = re.sub(r"^```.*?^```", "", PAGES[name].read_text(), flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"--(data\.forget|data|evaluation|trainer|model\.init_args)\.([a-z_]+)", text)
    owners = {"data": [MedMNISTDataModule], "data.forget": [ForgetSpec], "evaluation": [UnlearningMetrics]}
    owners |= {
        "trainer": [Trainer],
        "model.init_args": [kind for kind in SalUn.__mro__ if issubclass(kind, Classifier)],
    }
    owners["model.init_args"].append(Pretrained)
    for part, option in sorted(set(found) - {("model.init_args", "strength")}):  # the example's own
        assert any(option in signature(kind).parameters for kind in owners[part]), f"--{part}.{option}"


@pytest.mark.parametrize("name", PAGES)
def test_extras_that_a_guide_names_exist(name):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {
        each
        for found in re.findall(r'pip install -e "\.\[([\w,]+)\]"', PAGES[name].read_text())
        for each in found.split(",")
    }
    assert named <= extras.keys()


@pytest.mark.parametrize("name", PAGES)
def test_headings_that_a_guide_links_to_exist(name):
    page = PAGES[name]
    for path, anchor in re.findall(r"\]\(([\w./]*\.md)?#([\w-]+)\)", page.read_text()):
        target = (page.parent / path) if path else page
        if target.exists():  # that it is there is a matter of `mkdocs build --strict`
            heads = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}
            assert anchor in slugs, f"{path}#{anchor}"


# The paper's experiment


def test_published_figures_are_the_papers():
    rows = [
        line.split("|")[1:-1] for line in PAGES["paper"].read_text().splitlines() if re.match(r"\| \w+MNIST \|", line)
    ]
    shown = [[cell.strip() for cell in row] for row in rows]
    found = tables().set_index(["dataset", "forgotten", "role"])
    assert len(shown) == 6
    for data, rate, gap, time, retrain in shown:
        salun, reference = (found.loc[(f"{data.lower()} 64", rate, role)] for role in ("unlearned", "retrained"))
        assert [float(gap), float(time), float(retrain)] == [salun.AG, salun.RTE, reference.RTE]


def test_values_of_the_paper_are_the_defaults():
    settings = {
        method: resolved_settings(["fit", "--config", f"configs/{config}.yaml"])
        for method, config in (("Train", "train_blood"), ("SalUn", "salun_blood_10"))
    }
    for name, (lr, epochs) in {"Train": (0.1, 200), "SalUn": (0.013, 10)}.items():
        found = settings[name]["model"]["init_args"]
        assert (found["lr"], settings[name]["trainer"]["max_epochs"]) == (lr, epochs)
        assert (found["momentum"], found["weight_decay"], settings[name]["data"]["batch_size"]) == (0.9, 5e-4, 256)
    assert settings["Train"]["model"]["init_args"]["milestones"] == [91, 136]
    assert settings["SalUn"]["model"]["init_args"]["mask_ratio"] == 0.5


def test_a_plan_of_ones_own_is_read_as_the_guide_has_it(npz, capsys):
    npz.rename("ours.npz")
    for stage, shipped in (("train", "train_blood"), ("retrain", "retrain_blood_10"), ("salun", "salun_blood_10")):
        Path(f"{stage}_ours.yaml").write_text((shipped_configs() / f"{shipped}.yaml").read_text())
    Path("plan.yaml").write_text(block(PAGES["paper"], "yaml", "configs: [train_ours.yaml"))
    assert main(["reproduce", "plan.yaml", "--dry_run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == (3 + 1) * 3 * 2, "three configs and one more Retrain under three seeds and two presets"


# Images of one's own, and requests


def test_images_are_imported_trained_on_and_forgotten_as_the_guide_has_it(tiny_resnet18, monkeypatch, capsys):
    monkeypatch.setattr(engines, "run_process", here)
    write_scans()
    for code in blocks(PAGES["images"], "bash"):
        if "Pretrained" not in code and "export" not in code:  # tests of their own: methods, exporting
            run_all(code, OF_SCANS)
    said = capsys.readouterr().out
    assert "| runs/clinic_fine_tune | FineTune" in said
    assert "Forgotten: 1 patient: 4 training images" in said
    assert json.loads(Path("runs/clinic/metrics.json").read_text())["by_group"]


def test_a_request_is_answered_as_the_guide_has_it(tiny_resnet18, monkeypatch, capsys):
    monkeypatch.setattr(engines, "run_process", here)
    write_scans()
    for code in blocks(PAGES["deletion_request"], "bash"):
        if "medunlearn export" not in code:
            run_all(code, OF_SCANS)
    said = capsys.readouterr().out
    assert "Nothing was done (--dry_run)" in said
    assert ", 0 differ, " in said
    assert RunDir("runs/request_2").finished
    for word in ("How close to a model that never saw them: proxy gap", "Not checked: ", "Next: "):
        assert word in said, "the answer has what the guide explains"


# Several processes, interruptions


def test_commands_for_several_gpus_ask_for_them():
    one, script = (code for code in blocks(PAGES["several_gpus"], "bash") if "trainer.strategy ddp" in code)
    trainers = [resolved_settings(commands(code)[0][1:])["trainer"] for code in (one, script)]
    assert [(str(each["devices"]), each["strategy"], each["num_nodes"]) for each in trainers] == [
        ("4", "ddp", 1),
        ("4", "ddp", 2),
    ]
    asked = dict(re.findall(r"#SBATCH --([\w-]+)=(\S+)", script))
    assert (asked["nodes"], asked["ntasks-per-node"], asked["gres"]) == ("2", "4", "gpu:4")
    assert "#SBATCH --requeue\n" in script
    assert asked["signal"].partition("@")[0] == "SIGUSR1"


def test_an_interrupted_run_says_what_the_guide_shows():
    shown = block(PAGES["several_gpus"], "text", "medunlearn: ended by").strip()
    run = RunDir("runs/train_path")
    run.path.mkdir(parents=True)
    run.config.touch()
    with command_line(), pytest.raises(Interrupted) as end, explained(run):
        raise Interrupted(signal.SIGTERM)
    assert f"medunlearn: {end.value}" == shown


# Methods and plug-ins of one's own


def demo(fit) -> None:
    """Make the demo's original and Retrain, tiny."""
    fit("Train", "runs/demo/train", backbone="narrow_resnet18")
    fit("Retrain", "runs/demo/retrain", "--data.forget.rate=0.1", backbone="narrow_resnet18")


def test_a_method_of_ones_own_runs_and_is_tuned_as_the_guide_has_it(fit, npz, monkeypatch, capsys):
    monkeypatch.setattr(engines, "run_process", here)
    monkeypatch.syspath_prepend(str(Path.cwd()))
    write_named(PAGES["write_a_method"])
    demo(fit)
    run, tune = (code for code in blocks(PAGES["write_a_method"], "bash") if "medunlearn" in code)
    run_all(run, {"fit": [*tiny(npz), "--trainer.max_epochs=2"]})
    assert "| runs/demo/second_choice | SecondChoice" in capsys.readouterr().out
    metrics = RunDir("runs/demo/second_choice").read_metrics("run")
    assert (metrics["role"], metrics["original"], metrics["reference"]) == (
        "unlearned",
        "runs/demo/train",
        "runs/demo/retrain",
    )
    assert metrics["AG"] is not None
    run_all(tune, {"tune": ["--trials", "1"]})
    assert Path("runs/tune_second_choice/tuned.yaml").is_file()


def test_the_test_of_a_method_of_ones_own_passes_and_would_notice_another_target(tiny_resnet18, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path.cwd()))
    write_named(PAGES["write_a_method"])
    names = {}
    exec(Path("test_second_choice.py").read_text(), names)
    (tested,) = [name for name in names if name.startswith("test_")]
    for folder in ("right", "wrong"):
        (tmp_path / folder).mkdir()
    names[tested](tmp_path / "right")
    monkeypatch.setattr(names["SecondChoice"], "targets", lambda self, batch: batch.labels)
    with pytest.raises((AssertionError, ValueError)):
        names[tested](tmp_path / "wrong")


def test_hooks_and_draws_of_the_guide_are_those_that_there_are():
    text = PAGES["write_a_method"].read_text()
    first, second = (text.partition(f"| {head} |")[2].partition("\n\n")[0] for head in ("hook", "`images` returns"))
    hooks = re.findall(r"^\| `(\w+)\(", first, re.MULTILINE)
    base = {name for kind in plugins.find("methods", "SalUn").__mro__ for name in vars(kind)}
    assert len(hooks) > 5
    assert set(hooks) <= base - set(vars(LightningModule))
    assert set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (`.*?) \|", second, re.MULTILINE)))) == set(
        Draw.__args__
    )


def test_plug_ins_of_the_guide_are_found_and_used(tiny_resnet18, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(engines, "run_process", here)
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    declared = tomllib.loads(block(PAGES["plug_ins"], "toml", "[project]"))["project"]["entry-points"]
    entries = {name.removeprefix("medunlearn."): found for name, found in declared.items()}
    assert entries.keys() == set(plugins.BUILT_IN)
    install(folder, entries, block(PAGES["plug_ins"], "python", "# clinic_unlearning.py"), "clinic_unlearning")
    (folder / "second_choice.py").write_text(block(PAGES["write_a_method"], "python", "# second_choice.py"))
    plugins._scanned.cache_clear()
    try:
        used = ["--model.init_args.backbone=small_net", "--data.dataset=stripes", "--data.size=28", *QUIET]
        used += ["--trainer.max_epochs=1", "--evaluation.extra=[surprise]", "--data.batch_size=50"]
        assert main(["fit", "--model=Train", "--run_dir=runs/a", *used]) == 0
        own = {"run_dir": "runs/b", "data": {"forget": {"rate": 0.1}}, "model": {"class_path": "SecondChoice"}}
        own["model"]["init_args"] = {"original": "runs/a"}
        Path("own.yaml").write_text(json.dumps(own))
        assert main(["reproduce", "own.yaml", "--engine", "quiet", *used]) == 0
        extra = RunDir("runs/b").read_metrics("run")["extra"]["surprise"]
        assert set(extra) == {"forget", "test"}
        assert main(["hello", "you"]) == 0
        assert main(["list", "methods"]) == 0
        said = capsys.readouterr().out
        assert "hello you" in said
        assert "SecondChoice" in said
    finally:
        plugins._scanned.cache_clear()
        sys.modules.pop("clinic_unlearning", None)
        sys.modules.pop("second_choice", None)


# From Python


def test_code_in_python_runs_in_its_order(tiny_resnet18, fit, npz, monkeypatch, capsys):
    fit("Train", "runs/train_blood", epochs=1, backbone="resnet18")
    fit("Retrain", "runs/retrain_blood_10", "--data.forget.rate=0.1", epochs=1, backbone="resnet18")
    monkeypatch.setitem(SalUn.trainer_arguments, "max_epochs", 1)
    names = {}
    for code in blocks(PAGES["python"], "python"):
        short = code.replace('"bloodmnist"', f'file="{npz}", batch_size=8').replace("max_epochs=10", "max_epochs=1")
        exec(short, names)
    assert RunDir("runs/salun_blood_10").finished and RunDir("runs/salun_own_trainer").finished
    assert isinstance(names["frame"], pd.DataFrame)
    assert "torch.Size([8, 4])" in capsys.readouterr().out


# Metrics


def test_finished_runs_are_measured_again_as_the_page_has_it(fit):
    fit("Retrain", "runs/salun_blood_10", "--data.forget.rate=0.25", epochs=1)
    (code,) = blocks(PAGES["metrics"], "bash")
    run_all(code, dict.fromkeys(("test", "validate", "predict"), QUIET))
    assert Path("runs/salun_blood_10/predict.npz").is_file()


def test_directions_of_metrics_are_those_of_the_tables():
    rows = re.findall(
        r"^\| ([\w/ ]+?)(?:, [\w ]+)? \| .*? \| (near Retrain|lower)", PAGES["metrics"].read_text(), re.MULTILINE
    )
    assert len(rows) == 8
    assert dict(rows) == {name: LEGEND[name].better for name, _ in rows}


def test_keys_of_a_run_that_the_page_explains_are_written(fit):
    keys = re.findall(r"^\| `(\w+)` \|", PAGES["metrics"].read_text(), re.MULTILINE)
    fit.original("t", epochs=1)
    fit("SalUn", "s", "--data.forget.rate=0.25", "--model.init_args.original=t", epochs=1)
    written = RunDir("s").read_metrics("run")
    assert set(keys) - {"by_group", "copies"} <= written.keys()
