"""Methods by name: on the command line and in configs."""

import pytest

from medunlearn.cli.methods import load_settings, resolve_methods

SALUN = "medunlearn.methods.salun.SalUn"


@pytest.mark.parametrize(
    ("argv", "resolved"),
    [
        (["--model", "SalUn"], ["--model", SALUN]),
        (["--model=SalUn"], [f"--model={SALUN}"]),
        (["--model.class_path=SalUn"], [f"--model.class_path={SALUN}"]),
        (["--model.class_path", "SalUn"], ["--model.class_path", SALUN]),
        (["--model=my.own.Method"], ["--model=my.own.Method"]),
        (["--model=NotThere"], ["--model=NotThere"]),
        (["--run_dir", "SalUn"], ["--run_dir", "SalUn"]),
        (["--run_dir=SalUn"], ["--run_dir=SalUn"]),
        (["SalUn"], ["SalUn"]),
        (["--model={class_path: SalUn}"], ["--model={class_path: SalUn}"]),
        (["--model"], ["--model"]),
        ([], []),
    ],
)
def test_resolve_methods_replaces_the_value_of_model_alone(argv, resolved):
    assert resolve_methods(argv) == resolved


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("model: SalUn\nrun_dir: SalUn", {"model": SALUN, "run_dir": "SalUn"}),
        ("model: {class_path: SalUn, init_args: {lr: 1}}", {"model": {"class_path": SALUN, "init_args": {"lr": 1}}}),
        ("fit: {model: SalUn}", {"fit": {"model": SALUN}}),
        ("model: my.own.Method", {"model": "my.own.Method"}),
        ("model: 3", {"model": 3}),
        ("model: null", {"model": None}),
        ("a: {b: {model: SalUn}}", {"a": {"b": {"model": "SalUn"}}}),
        ("[SalUn]", ["SalUn"]),
        ("SalUn", "SalUn"),
    ],
)
def test_load_settings_replaces_the_method_of_a_run_alone(text, content):
    assert load_settings(text) == content
