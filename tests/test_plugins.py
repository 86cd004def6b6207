"""Plug-ins: names of other packages, used from the command line."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from helpers.plugin_package import install
from helpers.runs import FORGET, QUIET, refused

import medunlearn
from medunlearn import plugins
from medunlearn.__main__ import main
from medunlearn.errors import InputError
from medunlearn.plugins import BUILT_IN, find, method_path, names

ROOT = Path(__file__).parents[1]


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Return a folder of installed packages, empty as yet."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    plugins._scanned.cache_clear()
    yield folder
    plugins._scanned.cache_clear()
    for name in ("plugged", "other"):
        sys.modules.pop(name, None)


@pytest.fixture
def plugged(packages):
    return install(packages)


# Names


def test_built_ins_are_declared_as_any_other_package_declares_its_own():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    assert declared == {f"medunlearn.{group}": dict(found) for group, found in BUILT_IN.items()}


@pytest.mark.parametrize("group", BUILT_IN)
def test_built_ins_can_all_be_imported(group):
    assert all(callable(find(group, name)) for name in BUILT_IN[group])


def test_names_of_other_packages_come_after_the_built_ins(plugged):
    assert names("methods") == [*BUILT_IN["methods"], "softened"]
    assert names("metrics") == [*BUILT_IN["metrics"], "fails", "surprise"]


def test_a_name_is_not_imported_before_it_is_asked_for(plugged):
    names("methods")
    assert "plugged" not in sys.modules
    assert find("methods", "softened").__name__ == "Softened"


def test_an_unknown_name_gets_the_closest_and_all_there_are(plugged):
    with pytest.raises(InputError, match=r"^method=softend: no such method; did you mean softened\? The choice is T"):
        find("methods", "softend")
    with pytest.raises(InputError, match=r"^evaluation\.extra=zzz: no such metric; choose one of unlearning, va"):
        find("metrics", "zzz", "evaluation.extra")


def test_a_plug_in_that_fails_to_import_names_its_package_and_the_reason(packages):
    install(packages, {"methods": {"broken": "plugged:Broken"}}, "import no_such_library")
    with pytest.raises(InputError) as raised:
        find("methods", "broken", "model")
    assert str(raised.value) == (
        "model=broken: the plug-in plugged:Broken of package plugged cannot be imported (ModuleNotFoundError: No "
        "module named 'no_such_library'); fix or uninstall plugged"
    )


def test_plug_ins_of_one_name_are_named_with_their_packages(plugged):
    install(plugged, {"methods": {"softened": "other:Softened"}}, name="other")
    with pytest.raises(InputError, match=r"^method=softened: is a method of other and of plugged; uninstall"):
        find("methods", "softened")


def test_a_plug_in_with_a_built_in_name_is_refused(packages):
    install(packages, {"methods": {"SalUn": "plugged:Softened"}})
    with pytest.raises(InputError, match=r"^method=SalUn: is a method of medunlearn and of plugged"):
        find("methods", "SalUn")


@pytest.mark.parametrize("name", ["softened", "Softened"])
def test_a_method_is_found_by_the_name_of_its_entry_point_and_of_its_class(plugged, name):
    assert method_path(name) == "plugged.Softened"
    assert method_path("NoSuchMethod") == "NoSuchMethod"


# From the command line


@pytest.fixture
def options(plugged, npz):
    """Return options of a run with the package's method and backbone, from an original that stands in `t`."""
    given = [f"--data.file={npz}", "--data.batch_size=8", "--model.init_args.backbone=tiny_net", *QUIET]
    assert main(["fit", "--model=Train", "--run_dir=t", "--trainer.max_epochs=1", *given]) == 0
    return [*given, FORGET, "--model.init_args.original=t"]


def test_method_backbone_and_metrics_of_another_package_run(options, capsys):
    argv = ["fit", "--model=softened", "--model.init_args.mask_ratio=0.5", "--evaluation.extra=[surprise,fails]"]
    assert main([*argv, "--run_dir=r", *options]) == 0
    metrics, config = json.loads(Path("r/metrics.json").read_text()), yaml.safe_load(Path("r/config.yaml").read_text())
    total = metrics["parameters"]["total"]
    assert (metrics["method"], metrics["role"], metrics["epochs"]) == ("Softened", "unlearned", 3)
    assert total < 200
    assert metrics["parameters"]["free"] == total // 2
    assert metrics["extra"].keys() == {"surprise", "fails"}
    assert metrics["extra"]["surprise"].keys() == {"forget", "test"}
    assert metrics["extra"]["surprise"]["test"] > 0
    assert metrics["extra"]["fails"] is None
    assert "evaluation.extra=fails: is null in metrics.json (RuntimeError: no luck); fix" in capsys.readouterr().err
    assert config["model"]["class_path"] == "plugged.Softened"
    assert (config["model"]["init_args"]["temperature"], config["model"]["init_args"]["backbone"]) == (2.0, "tiny_net")


@pytest.mark.parametrize("model", ["Softened", {"class_path": "softened", "init_args": {"temperature": 4.0}}])
def test_a_config_names_a_method_of_another_package(options, model):
    Path("own.yaml").write_text(yaml.safe_dump({"model": model}))
    assert main(["fit", "--config=own.yaml", "--run_dir=r", *options]) == 0
    written = yaml.safe_load(Path("r/config.yaml").read_text())["model"]
    assert written["class_path"] == "plugged.Softened"
    assert written["init_args"]["temperature"] == (2.0 if model == "Softened" else 4.0)


def test_a_method_of_another_package_is_named_in_a_plan(options, capsys):
    Path("own.yaml").write_text(yaml.safe_dump({"run_dir": "r", "model": {"class_path": "softened"}}))
    assert main(["reproduce", "own.yaml", *options, "--dry_run"]) == 0
    assert "fit --config own.yaml" in capsys.readouterr().out


def test_a_data_set_of_another_package_is_read_at_the_size_asked_for(plugged):
    argv = ["fit", "--model=Train", "--model.init_args.backbone=tiny_net", "--run_dir=r", "--trainer.max_epochs=1"]
    assert main([*argv, "--data.dataset=squares", "--data.size=28", *QUIET]) == 0
    metrics = json.loads(Path("r/metrics.json").read_text())
    assert (metrics["data"], metrics["num_classes"], metrics["n"]["test"]) == ("squares", 2, 12)


def test_a_command_of_another_package_runs_and_gives_its_status(plugged, capsys):
    assert main(["greet", "you"]) == 3
    assert capsys.readouterr().out == "hello you\n"


def test_wrong_names_on_the_command_line_are_one_line(plugged, capsys, npz):
    given = ["--run_dir=r", f"--data.file={npz}"]
    assert "no such metric; did you mean surprise? The choice" in refused(
        capsys, "fit", "--model=Train", "--evaluation.extra=[surprize]", *given
    )
    assert "greeet: unknown command; did you mean greet? The choice is fit" in refused(capsys, "greeet")
    backbone = "--model.init_args.backbone=tiny_nett"
    assert "did you mean tiny_net? " in refused(capsys, "fit", "--model=Train", backbone, *given)
    assert "squares" in refused(capsys, "fit", "--model=Train", "--run_dir=r", "--data.dataset=square")


def test_a_method_that_fails_to_import_is_one_line(packages, capsys, npz):
    install(packages, {"methods": {"broken": "plugged:Broken"}}, "raise SystemExit('no')")
    Path("own.yaml").write_text("model: {class_path: broken}")
    for argv in (["--model=broken"], ["--model", "Broken"], ["--config=own.yaml"]):
        line = refused(capsys, "fit", *argv, "--run_dir=r", f"--data.file={npz}")
        assert line.startswith("model=broken: the plug-in plugged:Broken of package plugged cannot be imported (System")


# Public names


def test_public_names_can_all_be_imported():
    assert {name: getattr(medunlearn, name) for name in medunlearn.__all__}
    with pytest.raises(AttributeError, match="Trian"):
        medunlearn.Trian  # noqa: B018


def test_types_of_the_package_reach_a_script_of_a_user(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import medunlearn\nreveal_type(medunlearn.load_model)\nmedunlearn.ForgetSpec(rate='much')\n")
    # With the project's settings and cache: types of torch take half a minute where `mypy` has not run before.
    options = [f"--config-file={ROOT / 'pyproject.toml'}", f"--cache-dir={ROOT / '.mypy_cache'}"]
    argv = [sys.executable, "-m", "mypy", *options, str(script)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert 'Argument "rate" to "ForgetSpec" has incompatible type "str"' in done.stdout, done.stdout + done.stderr
    assert 'Revealed type is "def (source: ' in done.stdout
    assert "Found 1 error" in done.stdout
    assert (ROOT / "medunlearn" / "py.typed").exists()
