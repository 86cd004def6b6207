"""Engines of plans: found by name, and called alike."""

from typing import get_type_hints

import pytest
from helpers.plans import model, runner, two_chains, write
from helpers.plugin_package import install

from medunlearn import plugins
from medunlearn.__main__ import main
from medunlearn.errors import InputError
from medunlearn.plans import engines
from medunlearn.plans.engines import _devices, _resources, find_engine
from medunlearn.plans.options import nested, overrides_from_argv
from medunlearn.plans.plan import read_plan


def test_engines_are_found_by_name():
    assert plugins.names("engines")[:2] == ["local", "ray"]
    assert find_engine("local") is engines.run_locally
    with pytest.raises(InputError, match="engine=slurm: no such engine; choose one of local, ray"):
        find_engine("slurm")


@pytest.mark.parametrize("name", ["local", "ray"])
def test_built_in_engines_have_the_interface(name):
    interface = get_type_hints(engines.Engine.__call__)
    assert get_type_hints(find_engine(name)) == interface


UNAVAILABLE = """
from medunlearn.plans.engines import Outcome

def unavailable(stages, announce):
    for stage in stages:
        announce(stage)
        yield Outcome(stage, "failed", reason="no machine")
"""


def test_an_engine_of_another_package_runs_the_stages(tmp_path, monkeypatch, capsys):
    runner(monkeypatch, {})
    packages = install(
        tmp_path / "packages", {"engines": {"own": "own_engines:unavailable"}}, UNAVAILABLE, "own_engines"
    )
    monkeypatch.syspath_prepend(str(packages))
    assert main(["reproduce", *two_chains()[:2], "--engine", "own"]) == 1
    assert "medunlearn: r/a_train failed: no machine" in capsys.readouterr().err


def test_a_reference_made_by_no_stage_is_not_run_for(monkeypatch, capsys):
    calls = runner(monkeypatch, {})
    salun = write("s.yaml", run_dir="r/s", model=model("SalUn", "r/t"), reference="r/r")
    train = write("t.yaml", run_dir="r/t", model=model("Train"))
    assert main(["reproduce", train, salun]) == 2
    assert "s.yaml: reference=r/r: no run there; make it with `medunlearn fit" in capsys.readouterr().err
    assert not calls


def test_resources_of_a_stage_are_a_gpu_or_a_nodes_cores_for_each_device():
    stage = read_plan(["configs/train_blood.yaml"]).stages()[0]
    nodes = [{"Alive": True, "Resources": {"CPU": 8.0, "GPU": 2.0}}, {"Alive": True, "Resources": {"CPU": 4.0}}]
    assert _resources(nodes, stage) == {"num_gpus": 1, "num_cpus": 4.0}
    assert _resources(nodes[1:], stage) == {"num_cpus": 4.0}


@pytest.mark.parametrize(
    ("argv", "devices"),
    [
        (["--trainer.devices=4"], 4),
        (["--trainer.devices", "2", "--trainer.devices", "3"], 3),
        (["--trainer", "{devices: 5}"], 5),
        (["--trainer.devices", "auto"], 1),
        ([], 1),
    ],
)
def test_devices_are_the_number_asked_for_or_one(argv, devices):
    assert _devices(nested(overrides_from_argv(argv))) == devices
