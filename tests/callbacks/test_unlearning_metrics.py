"""What is measured on every image, with a stand-in for Trainer and data. (In runs: `test_invariants.py`.)"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import medunlearn.callbacks.unlearning_metrics as callback_module
from medunlearn.callbacks import UnlearningMetrics, predicting
from medunlearn.callbacks.predicting import predict
from medunlearn.contracts import Batch
from medunlearn.errors import InputError
from medunlearn.metrics import PARTS, Part, Predictions, unlearning_metrics
from medunlearn.timing import Stopwatch

CLASSES = 3
COUNTS = {"forget": 4, "retain": 12, "test": 7, "val": 5}


class Module(nn.Module):
    """A stand-in for a method: images hold the logits; it notes in what mode it predicts."""

    num_classes, device = CLASSES, torch.device("cpu")
    diverged = ("lr", "lower the learning rate")

    def __init__(self, loaders, broken=False):
        super().__init__()
        self.backbone, self.stopwatch, self.notes = nn.Linear(1, 1), Stopwatch(), []
        self.datamodule = SimpleNamespace(evaluation_dataloaders=lambda: loaders)
        self.broken = broken

    def finish(self):
        self.notes.append("finish")

    def predict_step(self, batch, number):
        self.notes.append((self.training, torch.is_grad_enabled(), len(batch.labels)))
        logits = batch.images * (float("nan") if self.broken else 1)
        return {"probs": logits.softmax(1), "labels": batch.labels, "index": batch.rows}


class Log:
    def __init__(self):
        self.lines = []

    def log_metrics(self, metrics, step):
        self.lines.append((metrics, step))


def logits_of(part):
    return torch.randn(COUNTS[part], CLASSES, generator=torch.Generator().manual_seed(len(part)))


def loader(part, size=3, order=None, empty=False):
    """Batches of a part, in which an image holds its logits; `empty`: without a share of the last batch."""
    images, rows = logits_of(part), torch.arange(COUNTS[part])
    order = rows if order is None else order
    shares = [*order.split(size), *([order[:0]] if empty else [])]
    return [
        Batch(images[i], rows[i] % CLASSES, rows[i], rows[i] < 0, rows[i] * 0.0, rows[i] * 0.0, None) for i in shares
    ]


def expected():
    parts = {}
    for part in PARTS:
        rows = np.arange(COUNTS[part])
        values = np.exp(logits_of(part).double().numpy())
        parts[part] = Part((values / values.sum(1, keepdims=True)).astype(np.float32), rows % CLASSES, rows)
    return Predictions(**parts)


@pytest.fixture
def trainer():
    strategy = SimpleNamespace(batch_to_device=lambda batch: batch, root_device=torch.device("cpu"))
    return SimpleNamespace(
        strategy=strategy,
        is_global_zero=True,
        progress_bar_callback=None,
        fast_dev_run=False,
        current_epoch=0,
        global_step=40,
        loggers=[Log(), Log()],
    )


def module(**options):
    return Module({part: loader(part) for part in PARTS}, **options)


def assert_close(found, wanted):
    for part in PARTS:
        np.testing.assert_allclose(getattr(found, part).probs, getattr(wanted, part).probs, atol=1e-6)
        assert getattr(found, part).probs.dtype == np.float32
        for name in ("labels", "rows"):
            values = getattr(getattr(found, part), name)
            assert values.dtype == np.int64
            assert np.array_equal(values, getattr(getattr(wanted, part), name))


# Arguments


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ({"every_n_epochs": -1}, "every_n_epochs=-1: give a number of epochs, or 0 for none"),
        ({"seed": -1}, "seed=-1: give a whole number of 0 or more"),
        ({"feature": "loss"}, "feature=loss: choose one of "),
        ({"nonmembers": "train"}, "nonmembers=train: choose one of test, val"),
        ({"solver": "svm"}, "solver=svm: choose one of "),
        ({"extra": "own"}, "extra=own: give a list of names"),
    ],
)
def test_argument_out_of_range_is_refused_by_name_and_value(argument, says):
    with pytest.raises(InputError) as caught:
        UnlearningMetrics(**argument)
    assert str(caught.value).startswith(says)


def test_attack_settings_are_what_mia_depends_on_and_not_how_it_is_solved():
    callback = UnlearningMetrics(2, "entropy", "val", 5, "libsvm")
    assert callback.attack_settings() == {"feature": "entropy", "nonmembers": "val", "seed": 5}


# Predictions


def test_predictions_are_of_each_image_once_in_order(trainer):
    assert_close(predict(trainer, module()), expected())


def test_predictions_come_in_order_whatever_the_loader_does(trainer):
    order = {part: torch.randperm(count, generator=torch.Generator().manual_seed(1)) for part, count in COUNTS.items()}
    shuffled = Module({part: loader(part, 2, order[part], empty=True) for part in PARTS})
    assert_close(predict(trainer, shuffled), expected())
    assert all(count for _, _, count in shuffled.notes), "an empty share is not predicted"


def test_predictions_of_an_empty_part_have_its_shapes(trainer):
    found = predict(trainer, Module({part: [] if part == "forget" else loader(part) for part in PARTS})).forget
    assert (found.probs.shape, found.labels.shape, found.rows.shape) == ((0, CLASSES), (0,), (0,))
    assert (found.probs.dtype, found.labels.dtype, found.rows.dtype) == (np.float32, np.int64, np.int64)


@pytest.mark.parametrize("training", [True, False])
def test_predictions_are_made_in_evaluation_mode_without_gradients_and_leave_the_mode(trainer, training):
    method = module().train(training)
    method.backbone.train(not training)  # as a method's own hook may have set it
    predict(trainer, method)
    assert {note[:2] for note in method.notes} == {(False, False)}
    assert (method.training, method.backbone.training) == (training, not training)
    assert torch.is_grad_enabled()


def test_predictions_of_several_processes_are_put_together_in_order(trainer, monkeypatch):
    """The shares of three processes, of which the last has none."""
    shares = [predict(trainer, Module({part: loader(part, 99, torch.arange(n)) for part, n in COUNTS.items()}))]
    whole = shares[0]

    def gather(local):
        (part,) = [name for name in PARTS if len(local["labels"]) == -(-COUNTS[name] // 2)]
        rows = np.arange(1, COUNTS[part], 2)
        other = {"probs": getattr(whole, part).probs[rows], "labels": rows % CLASSES, "index": rows}
        return [local, other, {key: value[:0] for key, value in other.items()}]

    monkeypatch.setattr(predicting, "_gather", gather)
    loaders = {part: loader(part, 2, torch.arange(0, n, 2)) for part, n in COUNTS.items()}
    assert_close(predict(trainer, Module(loaders)), whole)


class WithLogits(Module):
    """A stand-in that returns logits too, as `Classifier` does."""

    def predict_step(self, batch, number):
        return super().predict_step(batch, number) | {"logits": batch.images}


def test_logits_come_with_their_images_where_the_method_returns_them(trainer):
    order = {part: torch.randperm(count, generator=torch.Generator().manual_seed(1)) for part, count in COUNTS.items()}
    found = predict(trainer, WithLogits({part: loader(part, 2, order[part], empty=True) for part in PARTS}))
    assert_close(found, expected())
    for part in PARTS:
        assert np.array_equal(getattr(found, part).logits, logits_of(part).numpy())
    assert predict(trainer, module()).retain.logits is None


def test_logits_of_several_processes_are_put_together_or_left_out(trainer, monkeypatch):
    def gather(local, drop=()):
        first, second = ({key: value[at::2] for key, value in local.items()} for at in (0, 1))
        return [first, {key: value for key, value in second.items() if key not in drop}]

    loaders = {part: loader(part) for part in PARTS}
    monkeypatch.setattr(predicting, "_gather", gather)
    assert np.array_equal(predict(trainer, WithLogits(loaders)).test.logits, logits_of("test").numpy())
    monkeypatch.setattr(predicting, "_gather", lambda local: gather(local, drop=["logits"]))
    assert predict(trainer, WithLogits(loaders)).test.logits is None


# At the end of fit


def test_metrics_at_the_end_are_those_of_the_predictions(trainer):
    callback, method = UnlearningMetrics(feature="entropy", seed=3), module()
    callback.on_fit_end(trainer, method)
    assert method.notes[0] == "finish", "the model is brought into its last state first"
    assert_close(callback.predictions, expected())
    wanted = unlearning_metrics(callback.predictions, "entropy", "test", 3)
    assert callback.metrics == wanted
    right = {
        part: (getattr(expected(), part).probs.argmax(1) == np.arange(n) % CLASSES).mean() for part, n in COUNTS.items()
    }
    assert callback.metrics["UA"] == pytest.approx(100 - 100 * right["forget"])
    assert callback.metrics["RA"] == pytest.approx(100 * right["retain"])
    assert callback.metrics["TA"] == pytest.approx(100 * right["test"])
    assert callback.validation["TA"] == pytest.approx(100 * right["val"])
    assert {"evaluation", "attack"} <= method.stopwatch.seconds.keys()


@pytest.mark.parametrize("nonmembers", ["test", "val"])
def test_attack_rows_are_of_the_retain_set_and_the_nonmembers_equally_many(trainer, nonmembers):
    callback = UnlearningMetrics(nonmembers=nonmembers)
    callback.on_fit_end(trainer, module())
    rows = callback.attack_rows()
    members, others = rows["attack_member_rows"], rows["attack_nonmember_rows"]
    assert len(members) == len(others) == COUNTS[nonmembers]
    for chosen, count in ((members, COUNTS["retain"]), (others, COUNTS[nonmembers])):
        assert len(set(chosen.tolist())) == len(chosen)
        assert set(chosen.tolist()) <= set(range(count))


def test_extra_metrics_at_the_end_are_given_the_predictions(trainer, monkeypatch):
    monkeypatch.setattr(callback_module, "find_extra", lambda names: {names[0]: lambda found: len(found.val.labels)})
    callback = UnlearningMetrics(extra=["own"])
    callback.on_fit_end(trainer, module())
    assert callback.extra_metrics == {"own": 5.0}


def test_model_that_has_diverged_is_an_input_error_with_its_remedy(trainer):
    callback = UnlearningMetrics()
    with pytest.raises(InputError, match=r"^lr: the model has diverged"):
        callback.on_fit_end(trainer, module(broken=True))
    assert callback.metrics == {}


def test_model_with_weights_that_are_no_numbers_has_diverged_whatever_it_says(trainer):
    method = module()
    next(method.backbone.parameters()).data.fill_(float("nan"))
    method.predict_step = lambda batch, _: {
        "probs": torch.full((len(batch.labels), CLASSES), 1 / CLASSES),
        "labels": batch.labels,
        "index": batch.rows,
    }
    with pytest.raises(InputError, match=r"^lr: the model has diverged, its weights or outputs are not finite"):
        UnlearningMetrics().on_fit_end(trainer, method)


def test_fast_dev_run_measures_nothing(trainer):
    callback, method = UnlearningMetrics(), module()
    trainer.fast_dev_run = 1
    callback.on_fit_end(trainer, method)
    assert (callback.predictions, callback.metrics, method.notes) == (None, {}, [])


# Curves


@pytest.mark.parametrize(("every", "epochs"), [(0, []), (1, [0, 1, 2, 3, 4, 5]), (2, [1, 3, 5]), (4, [3])])
def test_curves_have_a_point_every_so_many_epochs_in_every_logger(trainer, every, epochs):
    callback, method = UnlearningMetrics(every_n_epochs=every), module()
    for trainer.current_epoch in range(6):
        callback.on_train_epoch_end(trainer, method)
    for logger in trainer.loggers:
        assert [metrics["epoch"] for metrics, _ in logger.lines] == epochs
        assert all(step == 40 for _, step in logger.lines)
    if epochs:
        (found, _), wanted = trainer.loggers[0].lines[0], unlearning_metrics(expected())
        assert found == {f"unlearning/{name}": wanted[name] for name in ("UA", "RA", "TA")} | {"epoch": epochs[0]}
    assert ("evaluation" in method.stopwatch.seconds) is bool(epochs), "it does not count as run time"
    assert callback.metrics == {}


def test_curves_leave_out_what_cannot_be_measured(trainer):
    callback = UnlearningMetrics(every_n_epochs=1)
    callback.on_train_epoch_end(trainer, Module({part: [] if part == "forget" else loader(part) for part in PARTS}))
    assert trainer.loggers[0].lines[0][0].keys() == {"unlearning/RA", "unlearning/TA", "epoch"}


# The gap on the validation set

OWN = {"UA": 10.0, "RA": 90.0, "TA": 80.0, "MIA": 30.0}


@pytest.mark.parametrize(
    ("reference", "gap"),
    [
        (None, None),
        ({}, None),
        ({"UA": 1.0}, None),
        ({"validation": None}, None),
        ({"validation": {"UA": None, "RA": 1.0, "TA": 1.0, "MIA": None}}, None),
        ({"validation": {"UA": 12.0, "RA": 90.0, "TA": 77.0, "MIA": 23.0}}, (2 + 0 + 3 + 7) / 4),
    ],
)
def test_validation_gap_is_to_the_references_validation_where_it_has_one(reference, gap):
    callback = UnlearningMetrics()
    callback.validation = dict(OWN)
    assert callback.validation_to(reference) == OWN | {"AG": gap}
    assert callback.validation == OWN
