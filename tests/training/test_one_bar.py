"""The one progress bar of a run."""

import re
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace

from helpers.runs import FORGET
from lightning.pytorch.callbacks import TQDMProgressBar

from medunlearn.callbacks.session import one_bar
from medunlearn.training.lines import LogLines
from medunlearn.training.one_bar import OneBar
from medunlearn.training.progress import passing

SHOWN = "--trainer.enable_progress_bar=true"
ORIGINAL = "--model.init_args.original=t"


def descriptions(text):
    """Return what the bars of an output were called, in order, each once in a row."""
    found = [re.sub(r": *(\d+%)?$", "", each) for each in re.findall(r"\r([^\r\n|]*)\|", text)]
    return [each for each, _ in groupby(found)]


def test_training_preparation_rewind_and_evaluation_take_turns_on_one_line(fit, capsys):
    fit.original("t", epochs=1)
    capsys.readouterr()
    fit("SalUn", "s", FORGET, ORIGINAL, SHOWN, "--model.init_args.rewind=true")
    printed = capsys.readouterr()
    assert "\x1b[A" not in printed.out, "a second bar, below the first"
    found = descriptions(printed.out)
    measured = [each.removeprefix("Evaluation: ") for each in found if each.startswith("Evaluation")]
    assert measured == ["forget", "retain", "val", "forget", "retain", "val", "forget", "retain", "test", "val"]
    others = [each for each, _ in groupby(each for each in found if not each.startswith("Evaluation"))]
    before = ["Training", "Going through forget", "Training"]
    assert others == [*before, "Epoch 1/2", "Epoch 2/2", "Membership inference", "Epoch 2/2"]
    bar = printed.out.split("\n")[0].split("\r")[-1]
    assert re.match(r"Epoch 2/2: 100%\|.*\| [\d:]+, 00:00 left, train/loss=[^_]*$", bar)
    assert printed.err.startswith("SalUn: ")
    assert "\nrewind: epoch " in printed.err
    fit("SSD", "e", FORGET, ORIGINAL, SHOWN, epochs=0)
    first, _, rest = capsys.readouterr().out.partition("\n")
    assert not first.split("\r")[-1].strip(), "nothing was trained, so no bar is left"
    assert " left" not in rest


def test_bar_counts_the_batches_of_all_epochs_and_says_how_long_the_rest_takes(fit, capsys):
    fit("Train", "t", SHOWN, epochs=3)
    shares = re.findall(r"Epoch (\d)/3: +(\d+)%", capsys.readouterr().out)
    assert [int(share) for _, share in shares] == sorted(int(share) for _, share in shares)
    assert max(int(share) for epoch, share in shares if epoch == "1") <= 34
    assert shares[-1] == ("3", "100")


def test_bar_of_a_resumed_run_begins_where_the_run_had_ended():
    bar = OneBar()
    trainer = SimpleNamespace(max_epochs=4, max_steps=-1, accumulate_grad_batches=1, current_epoch=3)
    trainer.progress_bar_metrics, trainer.is_global_zero = {}, True
    bar._trainer = SimpleNamespace(num_training_batches=5, **vars(trainer))
    bar.on_train_start(trainer)
    assert (bar.train_progress_bar.n, bar.train_progress_bar.total) == (15, 20)
    bar.teardown()


def test_test_has_one_bar_too(fit, capsys):
    from medunlearn.__main__ import main

    fit.original("t", epochs=1)
    capsys.readouterr()
    assert main(["test", "--run_dir=t", SHOWN]) == 0
    out = capsys.readouterr().out
    assert "\x1b[A" not in out
    assert {"Testing DataLoader 0", "Evaluation: test"} <= set(descriptions(out))


def test_a_bar_of_ones_own_or_none_is_kept():
    own = TQDMProgressBar()
    assert one_bar({"callbacks": own}) == one_bar({"enable_progress_bar": False}) == []
    assert [type(each) for each in one_bar({"enable_progress_bar": True})] == [OneBar]
    assert [type(each) for each in one_bar({"enable_progress_bar": None})] == [LogLines], "the output is no terminal"
    trainer = SimpleNamespace(is_global_zero=False, progress_bar_callback=own)
    assert list(passing(trainer, [1, 2], "Mask")) == [1, 2]


def test_bar_that_an_error_has_closed_stays_closed(capsys):
    bar = OneBar()
    items = bar.passing([1, 2], "Mask")
    next(items)
    bar.on_exception()
    items.close()
    assert bar._bar is None
    assert list(bar.passing([1, 2], "Mask")) == [1, 2]
    bar.teardown()
    bar.disable()
    assert list(bar.passing(iter([1, 2]), "Mask")) == [1, 2]
    assert not Path("logs").exists()


def test_evaluation_of_a_resumed_run_counts_from_its_own_beginning():
    bar = OneBar()
    bar.init_train_tqdm()
    bar._bar.reset(40)
    bar._bar.initial = bar._bar.n = 20
    counted = [bar._bar.format_dict["n"] - bar._bar.format_dict["initial"] for _ in bar.passing(range(3), "Evaluation")]
    assert counted == [0, 1, 2]
    assert (bar._bar.initial, bar._bar.n, bar._bar.total) == (20, 20, 40)
    bar.teardown()


def test_batches_that_follow_at_once_are_counted_and_not_each_shown(fit, capsys, monkeypatch):
    asked = []
    monkeypatch.setattr("medunlearn.training.one_bar.measured", lambda found: asked.append(found) or {})
    monkeypatch.setattr("medunlearn.training.one_bar.SHORTEST", 1e9)
    fit("Train", "t", SHOWN, epochs=2)
    assert len(asked) <= 6, "after validations, epochs and the first batch, not after each batch"
    last = [each for each in capsys.readouterr().out.split("\r") if each.startswith("Epoch 2/2")][-1]
    assert last.startswith("Epoch 2/2: 100%")
