"""`medunlearn confuse` from its command to its table, on tiny runs, and the swap itself."""

from pathlib import Path

import numpy as np
from helpers.backbones import LINEAR
from helpers.runs import QUIET, write_npz

from medunlearn.__main__ import main
from medunlearn.confusion.study import WITHOUT_POWER, Finding, confusion, table
from medunlearn.confusion.swap import Swap
from medunlearn.data.npz import read_npz
from medunlearn.metrics import Part
from medunlearn.plans import engines
from medunlearn.runs import RunDir

FORGET = "data: {forget: {rate: 0.5}}"
NETWORK = f"backbone: {LINEAR}, lr: 0.05"
CONFIGS = {
    "train": f"model: {{class_path: Train, init_args: {{{NETWORK}}}}}",
    "retrain": f"model: {{class_path: Retrain, init_args: {{{NETWORK}}}}}\n{FORGET}",
    "salun": f"model: {{class_path: SalUn, init_args: {{backbone: {LINEAR}, original: x/train}}}}\n{FORGET}\n"
    "reference: x/retrain",
}
OPTIONS = ["--data.file=d.npz", "--data.batch_size=8", "--data.augmentation=NoAug", "--trainer.max_epochs=20", *QUIET]
ARGV = ["confuse", *(f"{name}.yaml" for name in CONFIGS), "--classes", "1", "2", "--out=study", *OPTIONS]


def test_equally_many_of_both_classes_are_swapped_and_nothing_else(tmp_path):
    data = read_npz(write_npz(tmp_path / "d.npz", counts={"train": 40, "val": 8, "test": 8}))
    swap = Swap((1, 2), share=0.4, seed=3)
    rows = swap.drawn(data.train.labels, data.num_classes)
    changed = swap.applied(data, rows)
    assert np.array_equal(np.flatnonzero(changed.train.labels != data.train.labels), rows)
    before, after = data.train.labels[rows], changed.train.labels[rows]
    assert sorted(before) == sorted(after)
    assert set(zip(before.tolist(), after.tolist(), strict=True)) == {(1, 2), (2, 1)}
    assert np.array_equal(changed.train.images, data.train.images)
    assert np.array_equal(swap.drawn(data.train.labels, data.num_classes), rows)
    assert not np.array_equal(Swap((1, 2), 0.4, seed=4).drawn(data.train.labels, data.num_classes), rows)


def test_the_share_is_of_the_smaller_class():
    labels = np.array([0] * 30 + [1] * 10)
    rows = Swap((0, 1), share=0.5).drawn(labels, 2)
    assert np.bincount(labels[rows]).tolist() == [5, 5]


def test_confusion_is_counted_by_hand():
    answers = np.array([0, 1, 1, 0, 2, 0, 2])
    labels = np.array([0, 0, 1, 1, 1, 2, 2])
    assert confusion(Part(np.eye(3)[answers], labels, np.arange(7)), (0, 1)) == (2, 5)
    assert confusion(Part(np.eye(3)[answers], labels, np.arange(7)), (1, 2)) == (1, 5)


def test_a_table_without_power_says_so():
    def of(role, confused):
        return Finding(RunDir(role), role, role, confused, 20, 50.0, 80.0)

    assert WITHOUT_POWER in table([of("original", 5), of("retrained", 5), of("unlearned", 3)])
    assert WITHOUT_POWER not in table([of("original", 6), of("retrained", 5), of("unlearned", 3)])
    assert WITHOUT_POWER not in table([of("original", 6), of("unlearned", 6)])


def test_a_study_is_not_hindered_by_runs_outside_its_folder(tmp_path, monkeypatch, capsys):
    """Configs name run directories of their own, which the study leaves alone."""
    monkeypatch.chdir(tmp_path)
    write_npz(Path("d.npz"), counts={"train": 40, "val": 8, "test": 8})
    for name, text in CONFIGS.items():
        Path(f"{name}.yaml").write_text(f"run_dir: x/{name}\n{text}\n")
    monkeypatch.setattr(engines, "run_process", lambda command, environment=None: main(command[4:]))
    options = [each for each in OPTIONS if "max_epochs" not in each]
    assert main(["fit", "--config=train.yaml", *options, "--trainer.max_epochs=1"]) == 0
    assert main([*ARGV, "--trainer.max_epochs=2"]) == 0
    assert "study/train" in capsys.readouterr().out


def test_a_study_goes_from_its_command_to_its_table_and_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_npz(Path("d.npz"), counts={"train": 40, "val": 8, "test": 8})
    for name, text in CONFIGS.items():
        Path(f"{name}.yaml").write_text(f"run_dir: x/{name}\n{text}\n")
    calls = []

    def run(argv, *_):
        if calls[-1:] == ["retrain"] and not Path("failed").exists():  # SalUn, the first time
            Path("failed").touch()
            return 1
        calls.append(Path(argv[argv.index("--config") + 1]).stem)
        return main(argv[argv.index("medunlearn") + 1 :])

    monkeypatch.setattr(engines, "run_process", run)
    assert main(ARGV) == 1, "a stage has failed"
    assert "the same command goes on from there" in capsys.readouterr().err
    assert main(ARGV) == 0
    assert calls == ["train", "retrain", "salun"]
    rows = [int(row) for row in Path("study/confused.txt").read_text().split()]
    for name in ("retrain", "salun"):
        assert RunDir(f"study/{name}").read_split("test")["indices"] == rows
    assert RunDir("study/train").read_split("test")["indices"] == []
    table = Path("study/confusion.md").read_text()
    assert table in capsys.readouterr().out
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if "study/" in line]
    assert [line[1] for line in lines] == ["Train", "Retrain", "SalUn"]
    for name, line in zip(CONFIGS, lines, strict=True):
        arrays = RunDir(f"study/{name}").read_predictions("test")
        answers, labels = arrays["test_probs"].argmax(1), arrays["test_labels"]
        other = np.where(labels == 1, 2, np.where(labels == 2, 1, -1))
        assert line[2:4] == [str((answers == other).sum()), str(np.isin(labels, (1, 2)).sum())]
    assert float(lines[0][4]) > float(lines[1][4]), "the original has learned the swapped labels, a Retrain has not"
