"""Refusals of the command line, with inputs that reach them."""

import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

from medunlearn.cli.completion import completion
from medunlearn.cli.fit import _check_predict
from medunlearn.cli.parts import PartErrors

DASHBOARD = ("dashboard", "--entity=e")


def command(*words):
    return lambda at: at.command(*words)


def fit(*options):
    return lambda at: at.fit(*options)


def config(text):
    return lambda at: at.command("fit", f"--config={at.write('own.yaml', text)}")


def untested(at):
    at.take("t")
    at.command("test", "--run_dir=t", "--data.test=false")


def without_shtab(at):
    at.patch.setitem(sys.modules, "shtab", None)
    completion(["bash"])


def own(text):
    """Name a method of a module of this text."""

    def call(at):
        at.write("own_method.py", text)
        at.patch.syspath_prepend(str(Path.cwd()))
        at.fit("--model=own_method.Own")

    return call


def dashboard(login=lambda **_: True, error=None, save=lambda: None):
    def call(at):
        def layout(*_):
            if error is not None:
                raise error
            return SimpleNamespace(save=save, url="")

        at.patch.setattr("medunlearn.cli.dashboard.layout", layout)
        at.patch.setattr("wandb.login", login)
        at.command(*DASHBOARD)

    return call


def fails(**_):
    raise ValueError("API key must be 40 characters long")


def built(error):
    """Build a part that raises an error."""

    def part():
        raise error

    def call(at):
        errors = object.__new__(PartErrors)
        errors.first = None
        with suppress(type(error)):
            errors._build("trainer.logger", part)
        raise errors.first

    return call


def unexplained(at):
    at.patch.setattr("medunlearn.cli.messages._Settings.check", lambda *_: None)
    at.fit("--data.forget.rate=x")


FIT_HELP = "`medunlearn fit --help` lists the options"
CALLBACKS = "model: Train\ntrainer: {callbacks: [{"

ROWS = [
    (command("train"), "train: is a method, not a command; give `medunlearn fit --model Train` and its options"),
    (command("fitt"), "fitt: unknown command; did you mean fit? The choice is fit, validate, …"),
    (command("list", "method"), "list=method: no such group; did you mean methods? The choice is …"),
    (command("list", "a", "b"), "unrecognized arguments: b; `medunlearn list --help` lists the options"),
    # fit and its like
    (
        command("fit", "--model=Train", "--data.dataset=synthetic"),
        "run_dir: not set; name the run directory, as in `--run_dir runs/my_run`",
    ),
    (fit("--seed_everything=-1"), "seed_everything=-1: give a whole number from 0 to 4294967295"),
    (
        fit("--ckpt_path=x"),
        "ckpt_path=x: fit takes no checkpoint; give `--resume true` to go on with a run, or name the trained model in "
        "`--model.init_args.original`",
    ),
    (
        command("test", "--model=Train", "--data.dataset=synthetic", "--run_dir=t", "--ckpt_path=x"),
        "ckpt_path=x: test takes the model of `--run_dir`; leave it out",
    ),
    (
        lambda at: _check_predict(at.write("t/predict.npz"), False, 1),
        "run_dir=t: predict.npz is there already; give `--overwrite true` to replace it",
    ),
    (
        lambda at: _check_predict(Path("t/predict.npz"), False, 2),
        "trainer: 2 processes: predict writes one file from one process; use `--trainer.devices 1 "
        "--trainer.num_nodes 1`",
    ),
    (
        command("fit", "--model.help=Trian"),
        "model.help=Trian: no such method; did you mean Train? The choice is Train, …",
    ),
    (
        command("fit", "--model.help=torch.nn.Linear"),
        "model.help=torch.nn.Linear: no such method; give a subclass of medunlearn.methods.Classifier",
    ),
    (
        command("fit", "--model.help=no_such.Own"),
        "model.help=no_such.Own: no such method: no module no_such is found; fix the name, or set PYTHONPATH to …",
    ),
    (fit("--trainer.accelerator=none"), "trainer: …; `medunlearn fit --help` lists its options"),
    # Settings
    (unexplained, f"…; {FIT_HELP}"),
    (
        fit("--model.init_args.num_classes=3"),
        "model.init_args.num_classes: is taken from the data; leave it out, or set data.num_classes beside data.file",
    ),
    (
        command("fit", "--data.dataset=synthetic", "--run_dir=r"),
        f"model: no method named; give one of Train, …, or a config; {FIT_HELP}",
    ),
    (
        command("fit", "SalUn"),
        "SalUn: is not the value of an option; give `medunlearn fit --model SalUn` and its options",
    ),
    (
        command("fit", "my runs"),
        f"my runs: is not the value of an option; did you mean `--run_dir 'my runs'`? {FIT_HELP}",
    ),
    (fit("--data=none.yaml"), f"data=none.yaml: no such file of settings; set `data.NAME`; {FIT_HELP}"),
    (config("model: Train\ndata: 5"), f"data=5: is a group of settings; set `data.NAME`; {FIT_HELP}"),
    (fit("--data.sze=1"), f"--data.sze=1: no such option; did you mean --data.size? {FIT_HELP}"),
    (
        config(f"{CALLBACKS}patience: 3}}]}}"),
        "trainer.callbacks: an entry holds patience and no class_path; write class_path and init_args",
    ),
    (
        fit("--trainer.callbacks=EarlyStoping"),
        f"trainer.callbacks=EarlyStoping: no such class; did you mean EarlyStopping? …; {FIT_HELP}",
    ),
    (
        own("import no_such_needed"),
        f"model.class_path=own_method.Own: own_method imports no_such_needed, which is not installed; install it; "
        f"{FIT_HELP}",
    ),
    (
        fit("--trainer.logger.init_args.save_dir=x"),
        f"trainer.logger.init_args.save_dir=x: no class named; set `trainer.logger` to the class first; {FIT_HELP}",
    ),
    (
        fit("--model.init_args.momentu=1"),
        "model.init_args.momentu: Train has no such option; did you mean momentum? `medunlearn fit --model.help Train` "
        "lists the options",
    ),
    (fit("--data.forget.rate=x"), f"data.forget.rate=x: give a number, or null; {FIT_HELP}"),
    (
        config(f"{CALLBACKS}class_path: EarlyStopping}}]}}"),
        "trainer.callbacks.init_args.monitor: missing; set it; `medunlearn fit --trainer.callbacks.help …` lists the "
        "options",
    ),
    (built(ValueError("bad mode")), "trainer.logger: part: bad mode; fix its init_args"),
    (built(ImportError("needs tensorboard")), "trainer.logger: part: needs tensorboard; install what it needs"),
    # Other commands
    (
        command("report", "r", "--ot=x"),
        "--ot=x: `medunlearn report` has no such option; see `medunlearn report --help`",
    ),
    (command("report"), "report: no run directories given; name some, as in `medunlearn report runs/*`"),
    (command("reproduce"), "reproduce: no plan given; name …, a plan file or config files"),
    (
        command("reproduce", "demo", "--engin=ray"),
        "…--engin=ray: no such option; did you mean --engine? `medunlearn reproduce --help` lists the options, "
        "`medunlearn "
        "fit --help` those of stages",
    ),
    (
        dashboard(error=ImportError("No module named 'wandb_workspaces'", name="wandb_workspaces")),
        "dashboard: W&B's workspace library is not installed; install it with `pip install 'medunlearn[dashboard]'`",
    ),
    (
        dashboard(error=ImportError("cannot import name 'X'", name="wandb_workspaces.reports")),
        "dashboard: W&B's workspace library cannot be imported (cannot import name 'X'); install it with …",
    ),
    (
        dashboard(login=lambda **_: False),
        "dashboard: you are not logged in to Weights & Biases; run `wandb login` first",
    ),
    (
        dashboard(login=fails),
        "dashboard: Weights & Biases rejected your login (API key must be 40 characters long); run `wandb login "
        "--relogin` first",
    ),
    (
        dashboard(save=fails),
        "entity=e: Weights & Biases rejected the workspace for project medunlearn (API key must be 40 characters "
        "long"
        "); check both names and your access",
    ),
    # Completion
    (lambda at: completion(["fish"]), "completion=fish: no such shell; choose one of bash, zsh"),
    (
        without_shtab,
        "completion=bash: shtab is not installed; install it with `pip install 'medunlearn[completion]'`",
    ),
    # Tuning
    (
        command("tune", "--trials", "3"),
        "tune: no config given; name one or several, as in `medunlearn tune configs/demo_salun.yaml`",
    ),
    (
        command("tune", "a.yaml", "b.yaml", "--trials", "1"),
        "trials=1: give a whole number of 2 or more, one for each config as it is",
    ),
    (command("tune", "a.yaml", "--parallel", "0"), "parallel=0: give a whole number of 1 or more"),
    (command("tune", "a.yaml", "--seed", "-1"), "seed=-1: give a whole number of 0 or more"),
    (
        command("tune", "a.yaml", "b.yaml", "--space", "c", "d", "e"),
        "space=c d e: give one file for all configs, or one for each",
    ),
    (
        untested,
        "data.test=false: test measures on test images, which the run did without; give `--data.test true`",
    ),
]
