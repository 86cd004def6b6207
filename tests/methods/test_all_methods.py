"""What must hold for every unlearning method: each test runs over all that are registered, also those to come.

Two kinds of run: `medunlearn fit`, for what a run directory holds and for resuming, and a bare Trainer, which takes a
fifth of the time, for weights. All start from one original; the images are 32 of 8x8 pixels, 8 of them forgotten.
"""

import ast
import inspect
import json
import os
import random
import re
import shutil
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import bare, children
from helpers.backbones import PLAIN, TINY
from helpers.bare import state, train, train_in_turn
from helpers.runs import FORGET, QUIET, same, weights, write_npz
from helpers.stages import start

import medunlearn
from medunlearn import InputError, MedMNISTDataModule
from medunlearn.__main__ import main
from medunlearn.callbacks.unlearning_metrics import UnlearningMetrics
from medunlearn.cli.descriptions import describe
from medunlearn.files.configs import shipped_configs
from medunlearn.methods import Classifier, Unlearner
from medunlearn.plugins import built_ins
from medunlearn.timing import OVERHEAD

PACKAGE = Path(medunlearn.__file__).parent
EXACT = ("--trainer.precision=32-true", "--trainer.deterministic=true")
STAGES = ("preparation", "saliency", "training", "rewind", "statistics")
"""What a method is charged for."""
NOISE = 1e-4  # of weights on two processes, from the order of sums

METHODS = {
    plugin.name: plugin.load() for plugin in built_ins("methods") if getattr(plugin.load(), "role", "") == "unlearned"
}
MODULES = {plugin.name: plugin.module for plugin in built_ins("methods") if plugin.name in METHODS}


def params(names):
    """Return parameters by which all tests of a method are run in one process, and so share its runs."""
    return [pytest.param(name, marks=pytest.mark.xdist_group(f"method_{name}")) for name in names]


every_method = pytest.mark.parametrize("name", params(METHODS))


def epochs_of(name):
    """Return how many epochs a method is run here; one that edits the weights once has none."""
    return min(2, METHODS[name].trainer_arguments["max_epochs"])


def prepares(name):
    return METHODS[name].prepare is not Unlearner.prepare


def reads_validation(name):
    """Return whether a method says that it uses the original's answers on validation images."""
    return getattr(METHODS[name], "reads_validation", False)


def metrics(run):
    return json.loads((run / "metrics.json").read_text())


def files(run):
    return sorted(str(path.relative_to(run)) for path in run.rglob("*") if path.is_file())


def bits(values):
    return values.detach().view(torch.int32)


def command(method, run, *options, file, epochs, batch_size=4, backbone=TINY):
    words = ["fit", f"--model={method}", f"--run_dir={run}", f"--data.file={file}", f"--data.batch_size={batch_size}"]
    words += [f"--model.init_args.backbone={backbone}", f"--trainer.max_epochs={epochs}"]
    return [*words, *QUIET, *options]


class Place:
    """A folder with the images, the original and, once they are asked for, the runs of each method."""

    def __init__(self, folder):
        self.folder, self.original = folder, folder / "train"
        self.file = write_npz(folder / "images.npz")
        self.writes, self._kept = {}, {}
        assert main(command("Train", self.original, file=self.file, epochs=3)) == 0

    def fit(self, name, run):
        """Run `medunlearn fit` and return the run directory."""
        options = (FORGET, f"--model.init_args.original={self.original}", *EXACT)
        assert main(command(name, self.folder / run, *options, file=self.file, epochs=epochs_of(name))) == 0
        return self.folder / run

    def call(self, name, run):
        """Return what `bare.fit` takes to begin a run, or to go on with it."""
        return name, self.folder / run, self.original, self.file, epochs_of(name)

    def whole(self, name):
        """Return the run directory of an uninterrupted run, made once; count what it writes."""
        return self.once(("whole", name), lambda: self._whole(name))

    def _whole(self, name):
        written = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", written.append)
            run = self.fit(name, f"{name}_whole")
        self.writes[name] = len(written)
        return run

    def plain(self, name):
        """Return a run of the bare Trainer under the method's defaults, made once."""
        return self.once(("plain", name), lambda: self.train(name))

    def once(self, key, make):
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def train(self, name, file=None, original=None, **arguments):
        """Run a method under a bare Trainer; return it, where it began, what it read, its losses and its metrics."""
        evaluation, epochs = UnlearningMetrics(), epochs_of(name)
        with watched() as seen:
            options = {"callbacks": (evaluation,), **arguments}
            made = train(name, original or self.original, file or self.file, epochs, **options)
        draws = {made.images(epoch) for epoch in range(max(1, epochs))}
        found = {"method": made, "weights": state(made), "draws": draws}
        return SimpleNamespace(**found, metrics=evaluation.metrics, validation=evaluation.validation, **seen)

    def taken(self, name, **options):
        """Return a run with these options and those that it took; each refusal is one line that names its option."""
        while True:
            try:
                return self.train(name, **options), options
            except InputError as error:
                line = str(error)
                assert "\n" not in line
                found = re.match(r"(\w+)=\S+: .+", line)
                assert found is not None
                del options[found[1]]

    def altered(self, part, rows=slice(None)):
        """Return a copy of the images in which some of one part are inverted; labels stay."""
        with np.load(self.file) as arrays:
            images = arrays[f"{part}_images"].copy()
        images[rows] = 255 - images[rows]
        return write_npz(self.folder / f"altered_{part}.npz", **{f"{part}_images": images})

    def answering_otherwise(self):
        """Return a copy of the original whose recorded answers on validation images are others; its weights stay."""
        copy = self.folder / "answering"
        if not copy.exists():
            shutil.copytree(self.original, copy)
            with np.load(copy / "predictions.npz") as arrays:
                others = {key: value[:, ::-1] for key, value in arrays.items() if key in ("val_probs", "val_logits")}
                np.savez(copy / "predictions.npz", **{**arrays, **others})
        return copy


@contextmanager
def watched():
    """Note the weights before a method does anything, the parts of the data that it asks for, and its losses."""
    seen = {"start": {}, "prepared": {}, "parts": set(), "losses": []}
    begin, step = Unlearner.begin, Classifier.training_step
    part, test = MedMNISTDataModule.part_dataloader, MedMNISTDataModule.test_dataloader
    evaluation = MedMNISTDataModule.evaluation_dataloaders

    def beginning(self):
        seen["start"] = state(self)
        begin(self)
        seen["prepared"] = state(self)

    def stepping(self, batch, number):
        loss = step(self, batch, number)
        seen["losses"].append(float(loss.detach() if isinstance(loss, torch.Tensor) else loss or 0))
        return loss

    def asking(self, name, *options):
        seen["parts"].add(name)
        return part(self, name, *options)

    def testing(self):
        seen["parts"].add("test")
        return test(self)

    def evaluating(self):  # the measurement asks for every part, and is not the method's
        before = set(seen["parts"])
        loaders = evaluation(self)
        seen["parts"] = before
        return loaders

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Unlearner, "begin", beginning)
        patch.setattr(Classifier, "training_step", stepping)
        patch.setattr(MedMNISTDataModule, "part_dataloader", asking)
        patch.setattr(MedMNISTDataModule, "test_dataloader", testing)
        patch.setattr(MedMNISTDataModule, "evaluation_dataloaders", evaluating)
        yield seen


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("methods"))


# Where a method starts


@every_method
def test_method_starts_bit_for_bit_from_the_original(place, name):
    assert same(place.plain(name).start, weights(place.original))


@pytest.mark.parametrize("name", params(name for name in METHODS if epochs_of(name)))
def test_method_without_a_learning_rate_leaves_the_weights_that_its_preparation_left(place, name):
    """So nothing but the optimiser and the preparation moves them; held, BatchNorm's statistics do not move either."""
    run, taken = place.taken(name, lr=0.0, weight_decay=0.0, freeze_statistics=True)
    assert taken.keys() >= {"lr", "weight_decay"}
    stay = run.weights if "freeze_statistics" in taken else dict(run.method.backbone.named_parameters())
    assert same({key: run.weights[key] for key in stay}, {key: run.prepared[key] for key in stay})
    if not prepares(name):
        assert same(run.prepared, weights(place.original))


@pytest.mark.parametrize("name", params(name for name in METHODS if not epochs_of(name)))
def test_method_without_steps_refuses_options_of_training(place, name):
    given = {"lr": 0.0, "lr_schedule": "cosine", "freeze_statistics": True}
    assert not place.taken(name, **given)[1]


# What a method sees


@every_method
def test_method_that_says_retain_never_sees_a_forgotten_image(place, name):
    """Their pixels are others, and the weights the same; one retained image is another, and they are not."""
    plain = place.plain(name)
    if plain.draws != {"retain"} or "forget" in plain.parts:
        assert "forget" in inspect.getdoc(METHODS[name]), "says that it uses the forget set"
        pytest.skip("uses the forget set")
    rows = plain.method.datamodule.forget_indices
    assert same(place.train(name, place.altered("train", rows)).weights, plain.weights)
    retained = np.setdiff1d(np.arange(32), rows)[:1]
    assert not same(place.train(name, place.altered("train", retained)).weights, plain.weights)


@every_method
def test_method_never_sees_a_test_image_and_gives_the_same_weights_twice(place, name):
    """Others change nothing but what is measured on them."""
    plain = place.plain(name)
    torch.rand(7)  # whatever was drawn before
    other = place.train(name, place.altered("test"))
    assert "test" not in plain.parts
    assert same(other.weights, plain.weights)
    assert {key for key in plain.metrics if plain.metrics[key] != other.metrics[key]} <= {"TA", "MIA"}
    assert other.validation == plain.validation


@every_method
def test_method_uses_the_originals_answers_on_validation_images_only_where_it_says_so(place, name):
    """Where it does, these answers, and the images themselves nowhere."""
    plain, other = place.plain(name), place.train(name, place.altered("val"), place.answering_otherwise())
    assert "val" not in plain.parts
    assert same(other.weights, plain.weights) == (not reads_validation(name))
    if not reads_validation(name):
        assert other.metrics == plain.metrics


# What a method leaves


@every_method
def test_method_leaves_every_file_of_a_run_and_counts_its_preparation(place, name):
    run = place.whole(name)
    assert files(run) == files(place.original)
    found = metrics(run)
    spent = {stage: found["runtime"].get(stage, 0) for stage in STAGES}
    assert found["RTE"] > 0
    assert found["RTE"] * 60 == pytest.approx(sum(spent.values()))
    assert not found["runtime"].keys() - {*STAGES, *OVERHEAD}
    assert (spent["preparation"] > 0) == prepares(name)
    assert (spent["training"] > 0) == (epochs_of(name) > 0)
    assert (found["role"], found["method"], found["epochs"]) == ("unlearned", METHODS[name].__name__, epochs_of(name))
    assert all(type(value) in (float, str) for value in found["facts"].values())


@every_method
def test_method_has_finite_losses_and_weights(place, name):
    plain = place.plain(name)
    assert (len(plain.losses) > 0) == (epochs_of(name) > 0)
    assert np.isfinite(plain.losses).all()
    assert all(value.isfinite().all() for value in plain.weights.values())
    assert plain.weights.keys() == weights(place.original).keys()
    assert all(value.shape == plain.weights[key].shape for key, value in weights(place.original).items())


# Twice the same


def kills(place, name, chance):
    """Yield where the runs of a method are killed, each going on with the one before it.

    In mask or preparation, at a batch or with all of it done and nothing kept. At a batch of the first epoch, where it
    was asked to end, and has written a checkpoint for that. At any later batch, or before or after any write.
    """
    plain = place.plain(name)
    if plain.parts or plain.method.mask is not None:
        yield "lightning.pytorch.strategies:Strategy", "batch_to_device", chance.randint(1, 2)
    elif prepares(name):
        yield "medunlearn.methods.unlearner:Unlearner", "_prepare", 1, True
    left = len(plain.losses)
    if left:
        asked = chance.randrange(plain.method.datamodule.steps(0) - 1)
        os.environ["ASKED"], left = f"0 0 {asked}", left - asked - 1
        yield "lightning.pytorch:Trainer", "save_checkpoint", 1, True
        os.environ["ASKED"] = ""
    if left and chance.random() < 0.5:
        yield "medunlearn.methods.classifier:Classifier", "training_step", chance.randint(1, left)
    else:
        yield "os", "fsync", chance.randint(1, place.writes[name]), chance.random() < 0.5


@every_method
def test_method_killed_at_random_and_resumed_gives_what_the_uninterrupted_run_gives(place, name, monkeypatch):
    """What a checkpoint says has been prepared is not prepared again. `TRUST_SEED=1` tries other moments."""
    whole, part = place.whole(name), place.folder / f"{name}_part"
    monkeypatch.setenv("ASKED", "")
    for moment in kills(place, name, random.Random(f"{name} {os.environ.get('TRUST_SEED', 0)}")):
        status, output = children.run(place.call(name, part.name), place.folder, kill_at=moment, main=bare.fit)
        assert status == -signal.SIGKILL, output
        assert not (part / "metrics.json").exists()
    if (part / "checkpoints" / "last.ckpt").exists():
        monkeypatch.setattr(Unlearner, "_prepare", lambda self: pytest.fail("prepared again"))
    bare.fit(place.call(name, part.name))
    assert same(weights(part), weights(whole))
    first, second = metrics(whole), metrics(part)
    assert all(first[key] == second[key] for key in ("UA", "RA", "TA", "MIA", "facts", "parameters", "departures"))
    assert ("preparation" in second["runtime"]) == prepares(name)


# Options that every method shares


@every_method
def test_method_under_mask_cosine_rewind_and_fresh_statistics_leaves_frozen_weights_bit_for_bit(place, name):
    """Each that it does not take is refused in one line; those that it takes, it takes together."""
    run, taken = place.taken(name, mask_ratio=0.3, lr_schedule="cosine", refresh_statistics=True, rewind=True)
    before, after = weights(place.original), run.weights
    assert all(weight.isfinite().all() for weight in after.values())
    if "refresh_statistics" in taken:
        assert not any(torch.equal(after[key], before[key]) for key in before if "running" in key)
    assert ("rewind" in taken) == (epochs_of(name) > 0 and not reads_validation(name))
    if "rewind" in taken:
        assert run.method.rewound["rewind_epochs"] == epochs_of(name)
    if "mask_ratio" in taken:
        mask = run.method.mask
        assert sum(int(free.sum()) for free in mask.values()) == int(0.3 * sum(free.numel() for free in mask.values()))
        moved = {key: bits(after[key]) != bits(before[key]) for key in mask}
        assert not any((moved[key] & ~mask[key]).any() for key in mask)
        if epochs_of(name):
            assert any(each.any() for each in moved.values())


# The command line, the files


@every_method
def test_help_names_each_argument_of_a_method_and_explains_it(name, capsys):
    with pytest.raises(SystemExit):
        main(["fit", f"--model.help={name}"])
    text = " ".join(capsys.readouterr().out.split())
    own = inspect.signature(METHODS[name].__init__).parameters
    own = [each for each, kind in own.items() if kind.kind not in (kind.VAR_POSITIONAL, kind.VAR_KEYWORD)]
    for argument in {*own, "original", "mask_ratio", "lr", "lr_schedule", "backbone"} - {"self"}:
        assert f"--model.init_args.{argument} " in text
    assert "kwargs" not in text
    for argument in set(own) - {"self"}:
        assert re.search(rf"^\s+{argument}: \S", inspect.getdoc(METHODS[name]), re.M), f"{argument} is explained"


@every_method
def test_list_says_in_one_line_what_a_method_is(name):
    (plugin,) = [each for each in built_ins("methods") if each.name == name]
    line, _ = describe(plugin)
    assert 10 < len(line) < 150
    assert line != describe(plugin._replace(value="medunlearn.methods.unlearner:Unlearner"))[0]


PASSES = {"all": 1, "retain": 0.9, "forget": 0.1, "forget_then_retain": 1, "paired": 1.8, "paired_by_forget": 0.2}
"""How many images an epoch of each draw goes through, as a share of all of them, at a forget rate of 10 %."""
STEP_COSTS = (1, 4 / 3, 5 / 3, 2, 7 / 3)
"""What a step costs against fine-tuning's: a forward pass is a third of one, a backward pass two thirds."""


@every_method
def test_method_says_which_images_it_uses(place, name):
    plain = place.plain(name)
    draws = plain.draws if epochs_of(name) else set()
    used = {
        part for draw in draws for part in ("retain", "forget") if draw in (part, *PASSES.keys() - {"retain", "forget"})
    }
    used |= plain.parts - {"val"} | ({"forget"} if plain.method.mask is not None else set())
    assert set(METHODS[name].uses) == used


@every_method
def test_method_says_what_it_costs(place, name):
    """An epoch costs what its images do, times that of a step; a preparation costs something where there is one."""
    epoch, preparation = METHODS[name].cost
    epochs = METHODS[name].trainer_arguments["max_epochs"]
    passes = [PASSES[place.plain(name).method.images(number)] for number in range(epochs)]
    if epochs:
        assert min(abs(epoch * epochs / sum(passes) / cost - 1) for cost in STEP_COSTS) < 0.01
    looks = place.plain(name).parts - {"val"} or place.plain(name).method.mask is not None
    assert (preparation > 0) == bool(looks)


@every_method
def test_method_fits_on_two_pages(name):
    path = PACKAGE.parent / MODULES[name].replace(".", "/")
    assert len(path.with_suffix(".py").read_text().splitlines()) < 100


def plain_name(name):
    return name.lower().replace("_", "")


@every_method
def test_method_has_a_config_of_its_name(name):
    """What each says is tested where all configs are."""
    stems = {path.stem for path in (shipped_configs() / "methods").glob("*.yaml")}
    stems |= {path.stem.removesuffix("_blood_10") for path in shipped_configs().glob("*.yaml")}
    assert plain_name(name) in map(plain_name, stems)


def names_in(path):
    """Return identifiers and words in texts of a module; its docstrings, which may explain by example, left out."""
    tree = ast.parse(path.read_text())
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield node.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            yield from re.findall(r"\w+", node.value)


def test_no_method_is_known_by_name_outside_the_methods():
    """But in the registry, in the list of public names, which is no module, and among the published figures, a CSV."""
    paths = [path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in ("methods", "configs")]
    known = {path.name: set(names_in(path)) & METHODS.keys() for path in paths}
    assert known.pop("plugins.py") == METHODS.keys()
    assert not {name: found for name, found in known.items() if found}


# On two processes


def alike(name, file, held, plain):
    """Return arguments with which a method gives the same on any number of processes.

    BatchNorm's statistics, which are each process's own while it trains, are held; where a method refuses that, the
    network has none. One that trains for no epoch moves none.
    """
    given = {"file": str(file), "original": str(held), "batch_size": 7, "epochs": epochs_of(name)}
    if not epochs_of(name):
        return given
    given["lr"] = 0.01
    try:
        METHODS[name](4, original=held, backbone=TINY, freeze_statistics=True)
    except InputError:
        return {**given, "original": str(plain), "backbone": PLAIN}
    return {**given, "freeze_statistics": True}


@pytest.fixture(scope="module")
def in_two(tmp_path_factory):
    """Return a folder with what every method leaves on one process and on two, and what the two have said.

    All in the same two processes: to start them takes longest. 9x9 pixels, or half of all gradients would be exactly
    zero; batches of seven leave last ones of fewer images than processes. One method rewinds.
    """
    folder = tmp_path_factory.mktemp("two")
    file, originals = write_npz(folder / "images.npz", size=9), {}
    for backbone in (TINY, PLAIN):
        originals[backbone] = folder / backbone
        assert main(command("Train", folder / backbone, file=file, epochs=3, backbone=backbone)) == 0
    given = {name: alike(name, file, originals[TINY], originals[PLAIN]) for name in METHODS}
    for world, several in ((1, {}), (2, {"devices": 2, "strategy": "ddp"})):
        plan = {name: {**options, "trainer": several} for name, options in given.items()}
        plan["SCRUB"]["rewind"] = True
        (folder / f"{world}.json").write_text(json.dumps(plan))
    train_in_turn(folder / "1.json")
    try:
        said = start(folder, str(Path(bare.__file__)), "2.json", seconds=400).stderr[-3000:]
    except subprocess.TimeoutExpired:
        said = "two processes have waited for each other"
    return SimpleNamespace(folder=folder, given=given, said=said)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.xdist_group("all_in_two")) for name in METHODS])
def test_method_on_two_processes_gives_what_it_gives_on_one(in_two, name):
    found = [in_two.folder / f"{file}_{name}_{rank}.pt" for file, rank in ((1, 0), (2, 0), (2, 1))]
    assert all(path.exists() for path in found), in_two.said
    one, first, second = (torch.load(path, weights_only=True) for path in found)
    assert not any("error" in left for left in (one, first, second)), first.get("error")
    assert (one["processes"], first["processes"]) == (1, 2)
    assert same(first["weights"], second["weights"])
    for key, value in one["weights"].items():
        torch.testing.assert_close(first["weights"][key], value, rtol=0, atol=NOISE)
    assert not same(one["weights"], weights(Path(in_two.given[name]["original"])))
    numbers = [{key: value for key, value in left["facts"].items() if type(value) is float} for left in (one, first)]
    assert one["rewound"] == pytest.approx(first["rewound"])
    assert len(one["rewound"]) == (3 if name == "SCRUB" else 0)
    assert numbers[0] == pytest.approx(numbers[1], rel=1e-3, abs=1e-4)
