"""Search spaces: those that ship fit their methods, and a user's own are read strictly."""

import json
from pathlib import Path

import pytest

from medunlearn.cli.settings import resolved_settings
from medunlearn.errors import InputError
from medunlearn.files.configs import shipped_configs, shipped_space
from medunlearn.plugins import built_ins
from medunlearn.tuning.space import read_space, rounded

UNLEARN = [each.name for each in built_ins("methods") if each.load().role == "unlearned"]
OWN = {
    "model": {"init_args": {"lr": 0.01, "mask_ratio": None, "block": 0, "smoothing": -0.2, "refresh": False}},
    "trainer": {"max_epochs": 5},
}


def own(content, settings=OWN):
    Path("space.yaml").write_text(json.dumps(content))
    return read_space(Path("space.yaml"), "Own", settings)


@pytest.fixture(scope="module")
def settings():
    """Return the resolved settings of each method's recipe; to resolve them takes longest."""
    argv = ["--data.dataset=bloodmnist", "--run_dir=r", "--model.init_args.original=t"]
    return {name: resolved_settings(["fit", f"--model={name}", *argv]) for name in UNLEARN}


@pytest.mark.parametrize("name", UNLEARN)
def test_shipped_space_has_parameters_that_exist_and_hold_the_recipes_values(settings, name):
    file = shipped_space(name)
    assert file is not None, "each method that unlearns has a space"
    strict = read_space(file, name, settings[name])
    assert read_space(None, name, settings[name]) == strict
    assert len(strict) >= (1 if not settings[name]["trainer"]["max_epochs"] else 2)
    for each in strict:
        if each.name == "trainer.max_epochs":
            assert each.bounds[1] == each.own, "no trial is longer than the recipe"


def test_each_shipped_space_is_of_a_method_or_of_any_other():
    assert {path.stem for path in (shipped_configs() / "spaces").iterdir()} == {*UNLEARN, "default"}


def test_space_of_any_other_method_holds_what_the_method_has():
    assert [each.short for each in read_space(None, "Strange", OWN)] == ["lr", "max_epochs"]


def test_shipped_space_is_widened_to_a_users_own_recipe(settings):
    changed = json.loads(json.dumps(settings["SalUn"]))
    changed["model"]["init_args"] |= {"mask_ratio": 0.42, "relabel": "none"}
    found = {each.short: each for each in read_space(None, "SalUn", changed)}
    assert 0.42 in found["mask_ratio"].bounds and "none" in found["relabel"].bounds
    changed = json.loads(json.dumps(settings["CoUn"]))
    changed["model"]["init_args"]["weight"] = 9.0
    assert next(e for e in read_space(None, "CoUn", changed) if e.short == "weight").bounds == (0.1, 9.0)


@pytest.mark.parametrize(
    ("form", "kind", "bounds"),
    [
        ({"times": [0.1, 10]}, "log", (0.001, 0.1)),
        ({"log": [0.01, 1]}, "log", (0.01, 1.0)),
        ({"uniform": [0, 1]}, "uniform", (0.0, 1.0)),
        ({"choice": [0.01, 0.1]}, "choice", (0.01, 0.1)),
    ],
)
def test_forms_of_a_parameter(form, kind, bounds):
    (found,) = own({"model.init_args.lr": form})
    assert (found.kind, found.bounds, found.own) == (kind, bounds, 0.01)


def test_multiples_are_whole_of_whole_numbers_in_order_of_negative_ones_and_none_of_zero():
    (epochs,) = own({"trainer.max_epochs": {"times": [0.1, 2]}})
    assert (epochs.kind, epochs.bounds) == ("integer", (1, 10))
    (smoothing,) = own({"model.init_args.smoothing": {"times": [0.5, 2]}})
    assert smoothing.bounds == (-0.4, -0.1)
    lr = {"model.init_args.lr": {"times": [0.1, 1]}}
    assert len(own({**lr, "model.init_args.block": {"times": [0.1, 2]}})) == 1, "what cannot vary is left out"


def test_values_are_written_as_fit_reads_them():
    (parameter,) = own({"model.init_args.refresh": {"choice": [False, True, None]}})
    assert [parameter.override(value).text for value in parameter.bounds] == ["false", "true", "null"]
    assert rounded(0.00123456) == 0.001235


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"data.forget.rate": {"uniform": [0, 1]}}, "data.forget.rate is not a setting that may vary"),
        ({"model.init_args.original": {"choice": ["a", "b"]}}, "original is not a setting that may vary"),
        ({"model.init_args.lrr": {"log": [1, 2]}}, "there is no setting model.init_args.lrr; did you mean"),
        ({"model.init_args.lr": 3}, "lr=3; write one of {times"),
        ({"model.init_args.lr": {"log": [0.0, 1]}}, "is an unknown kind of range"),
        ({"model.init_args.lr": {"between": [0.001, 1]}}, "is an unknown kind of range"),
        ({"model.init_args.lr": {"uniform": [1, 0]}}, "does not give two bounds, the lower one first"),
        ({"model.init_args.lr": {"uniform": [0.5, 1]}}, "leaves out the recipe's own 0.01; widen it"),
        ({"model.init_args.lr": {"choice": [[1], [2]]}}, "does not give a list of plain values"),
        ({"model.init_args.mask_ratio": {"times": [1, 2]}}, "multiplies the recipe's own None"),
        ({"trainer.max_epochs": {"integer": [0.5, 5]}}, "is an unknown kind of range"),
        ({"model.init_args.lr": {"choice": [0.01]}}, "nothing to vary in Own"),
    ],
)
def test_wrong_spaces_are_refused_in_one_line(content, message):
    with pytest.raises(InputError, match=r"space=space\.yaml: ") as refusal:
        own(content)
    assert message in str(refusal.value)
