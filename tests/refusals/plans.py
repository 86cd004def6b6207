"""Refusals of `medunlearn.plans`, with inputs that reach them."""

import sys
from pathlib import Path

import yaml

from medunlearn.plans import engines
from medunlearn.plans.options import (
    check_augmentations,
    check_for_every_stage,
    check_governed,
    check_seeds,
    override,
    overrides_from_argv,
)
from medunlearn.plans.plan import read_plan
from medunlearn.plans.reuse import _check_same_files
from medunlearn.plans.stages import in_order, read_stage
from medunlearn.plans.variations import Selection, selected, with_retrains
from medunlearn.runs import RunDir


def plan(content):
    """Read a plan file of this content."""
    return lambda at: read_plan([str(at.write("plan.yaml", yaml.safe_dump(content)))])


def stage(name, run_dir="r/a", original=None, reference=None, **data):
    content = {"run_dir": run_dir, "model": {"class_path": "SalUn"}, "data": {"dataset": "bloodmnist", **data}}
    if original:
        content["model"]["init_args"] = {"original": original}
    if reference:
        content["reference"] = reference
    Path(name).write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))
    return read_stage(Path(name), ())


def ray(error):
    def call(at):
        at.patch.setitem(sys.modules, "ray", None)
        if error is not None:
            at.write("ray.py", f"raise {error}")
            at.patch.delitem(sys.modules, "ray")
            at.patch.syspath_prepend(str(Path.cwd()))
        return list(engines.run_on_ray([], print))

    return call


def cluster(at):

    def refuse(*_, **__):
        raise ConnectionRefusedError(111, "Connection refused")

    at.patch.setattr(engines.socket, "create_connection", refuse)
    return engines._check_cluster("host:6379")


class OtherFiles:
    """Says that files hold something else now."""

    def split(self, data):
        return {"sha256": "new", "data_sha256": data["now"]}


def changed(now, **data):
    def call(at):
        at.write("r/split.json", '{"sha256": "a", "data_sha256": "b", "indices": []}')
        settings = {"now": now, "file": None, "dataset": None, "forget": {"indices": None}, **data}
        return _check_same_files(RunDir("r"), settings, {}, OtherFiles())

    return call


def naming(at):
    stage("a.yaml", original="t", file="no.npz")
    return at.command("reproduce", "a.yaml")


ROWS = [
    # Options
    (
        lambda at: overrides_from_argv(["demo"]),
        "demo: belongs to no option; name plans and config files before the options",
    ),
    (
        lambda at: overrides_from_argv(["-c=a.yaml"]),
        "-c: does not go to every stage of a plan; set it in the config files",
    ),
    (
        lambda at: check_for_every_stage([override("run_dir", "r")]),
        "--run_dir: does not go to every stage of a plan; set it in the config files",
    ),
    (
        lambda at: check_governed([override("seed_everything", 1)], "seeds"),
        "--seed_everything: this plan's seeds set it for each stage; leave out --seed_everything or seeds",
    ),
    (
        lambda at: check_augmentations(["flip"]),
        "augmentations=flip: unknown preset; choose from NoAug, Default, Default+RandAugment",
    ),
    (lambda at: check_seeds(["x"]), "seeds=x: not a seed; give whole numbers from 0 to 4294967295"),
    # Plan files
    (lambda at: read_plan(["dmo"]), "plan=dmo: no such plan; did you mean demo? The shipped plans are …"),
    (plan({"seeds": [1]}), "plan=plan.yaml: names no configs; write `configs: [FILE, FILE]`"),
    (plan({"configs": []}), "plan=plan.yaml: names no configs; write `configs: [FILE, FILE]`"),
    (
        lambda at: (at.write("a.yaml", "configs: [b.yaml]"), read_plan(["a.yaml", "a.yaml"])),
        "plan=a.yaml: is a plan; give it alone, or config files",
    ),
    (plan({"configs": ["a"], "sedes": [1]}), "plan=plan.yaml: has no setting sedes; it may set …"),
    (
        plan({"configs": ["a"], "options": ["a"]}),
        "plan=plan.yaml: options=['a']; write `trainer.max_epochs: 3` lines below `options:`",
    ),
    (
        lambda at: read_plan([str(at.write("plan.yaml", "configs: [a]\noptions: {a: 2026-01-01}"))]),
        "plan=plan.yaml: options={'a': …}; give numbers, text, lists or true and false",
    ),
    (plan({"configs": ["a"], "minutes": 0}), "plan=plan.yaml: minutes=0; give a number above 0"),
    (plan({"configs": ["a"], "report": 5}), "plan=plan.yaml: report=5; give a text"),
    (plan({"configs": ["a"], "seeds": "x"}), "plan=plan.yaml: seeds=x; give a list of numbers"),
    # Stages
    (lambda at: stage("a.yaml", run_dir=None), "config=a.yaml: names no run_dir; add `run_dir: runs/NAME`"),
    (
        lambda at: stage("a.yaml", run_dir=5),
        "config=a.yaml: run_dir=5 names no directory of its own; write `run_dir: runs/NAME`",
    ),
    (
        lambda at: in_order([stage("a.yaml"), stage("b.yaml")]),
        "config=b.yaml: writes run_dir=r/a as a.yaml does; give each its own",
    ),
    (
        lambda at: in_order([stage("a.yaml", original="r/b"), stage("b.yaml", "r/b", reference="r/a")]),
        "config=…: needs its own result; fix `original` or `reference`",
    ),
    (
        lambda at: selected([stage("a.yaml")], Selection(datasets=("path",))),
        "datasets=path: not in this plan; choose from bloodmnist",
    ),
    (
        lambda at: selected([stage("a.yaml", forget={"rate": 0.1})], Selection(rates=(50,))),
        "rates=50: not in this plan; choose from 0.1",
    ),
    (
        lambda at: selected(
            [stage("a.yaml", forget={"rate": 0.1}), stage("b.yaml", "r/b", dataset="path")],
            Selection(datasets=("path",), rates=(10,)),
        ),
        "datasets=path, rates=10: no stage of this plan has both; leave out one of them",
    ),
    (
        lambda at: with_retrains([stage("a.yaml")], [1, 2]),
        "retrain_seeds=1 2: no stage of this plan is another's reference; name the Retrain as `reference` in …",
    ),
    (
        lambda at: with_retrains([stage("r.yaml", "r/r"), stage("s.yaml", reference="r/r")], [1, 0]),
        "retrain_seeds=0: is the seed of r/r itself, and the two would be one model; give seeds that the plan …",
    ),
    # Before and while stages run
    (naming, "a.yaml: data.file=no.npz: no such file; give the path of a .npz file in MedMNIST's format"),
    (
        changed("new", file="d.npz"),
        "run_dir=r: d.npz has changed since that run was begun; bring it back, name another run_dir, or "
        "delete that one",
    ),
    (
        changed("new", dataset="mine", forget={"indices": "a.txt"}),
        "run_dir=r: the data set mine has changed since that run was begun; …",
    ),
    (changed("b", forget={"indices": "a.txt"}), "run_dir=r: a.txt has changed since that run was begun; …"),
    (ray(None), "engine=ray: Ray is not installed; install it with `pip install 'medunlearn[ray]'`"),
    (
        ray("ImportError('no such symbol')"),
        "engine=ray: Ray cannot be imported (no such symbol); install it with `pip install 'medunlearn[ray]'`",
    ),
    (
        cluster,
        "engine=ray: no cluster at RAY_ADDRESS=host:6379 (Connection refused); start one with `ray start --head`",
    ),
]
