"""Errors of wrong settings, by kind; jsonargparse's own wording plays no part in it."""

import re
from pathlib import Path

import pytest
from helpers.runs import QUIET, refused
from jsonargparse import ArgumentError

import medunlearn
from medunlearn.cli.classes import FROM_DATA, arguments_of, type_of
from medunlearn.cli.given import given_settings
from medunlearn.cli.messages import check_groups, explained_error
from medunlearn.cli.settings import ResolvedSettings
from medunlearn.errors import InputError
from medunlearn.plugins import built_ins

FIT = ["fit", "--model=Train", "--data.dataset=synthetic", "--run_dir=r"]


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ("modle: Train", "modle: no such setting in own.yaml; did you mean model? "),
        ("modle: {class_path: medunlearn.Train}", "modle: no such setting in own.yaml; did you mean model? "),
        (
            "model: Train\ndata: {forget: {rte: 0.1}}",
            "data.forget.rte: no such setting in own.yaml; did you mean data.forget.rate? ",
        ),
        ("model: Train\nbatch_size: 3", "batch_size: no such setting in own.yaml; did you mean data.batch_size? "),
        (
            "model: {class_path: medunlearn.Train, init_args: {learning_rate: 1}}",
            "model.init_args.learning_rate: Train has no such option; did you mean lr? `medunlearn fit --model.help",
        ),
        (
            "model: {class_path: medunlearn.Train, init_args: {momentu: 1}}",
            "model.init_args.momentu: Train has no such option; did you mean momentum? ",
        ),
        (
            "model: {class_path: medunlearn.Train, init_args: {num_classes: 3}}",
            "model.init_args.num_classes: is taken from the data; leave it out, or set data.num_classes",
        ),
        ("model: Train\ndata: 5", "data=5: is a group of settings; set `data.NAME`"),
        (
            "model: Train\ntrainer: {callbacks: [{patience: 3}]}",
            "trainer.callbacks: an entry holds patience and no class_path; write class_path and init_args",
        ),
        (
            "model: Train\ntrainer: {callbacks: [{class_path: EarlyStopping, init_args: {patience: 3}}]}",
            "trainer.callbacks.init_args.monitor: missing; set it",
        ),
    ],
)
def test_a_wrong_setting_in_a_config_is_named_with_a_suggestion(capsys, config, line):
    Path("own.yaml").write_text(config)
    assert refused(capsys, "fit", "--config=own.yaml").startswith(line)


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (
            ["--data.forget.classes=4"],
            "data.forget.classes=4: give a list of whole numbers or names, such as [4], or null",
        ),
        (["--data.forget.classes=[0.5]"], "data.forget.classes=[0.5]: give numbers and names of classes, such as [4]"),
        (["--data.forget.rate=x"], "data.forget.rate=x: give a number, or null"),
        (["--trainer.limit_train_batches=x"], "trainer.limit_train_batches=x: give a number, or null"),
        (["--trainer.detect_anomaly=x"], "trainer.detect_anomaly=x: give true or false; "),
        (["--trainer.callbacks=3"], "trainer.callbacks=3: give a list of a Callback or a Callback, or null"),
        (["--trainer.callbacks=EarlyStoping"], "trainer.callbacks=EarlyStoping: no such class; did you mean Early"),
        (["--trainer.callbacks=torch.nn.Linear"], "trainer.callbacks=torch.nn.Linear: no such class; give a subclass"),
        (["--trainer.callbacks.patience=3"], "trainer.callbacks.patience=3: no class named; set `trainer.callbacks`"),
        (["--trainer.max_epoch", "3"], "--trainer.max_epoch 3: no such option; did you mean --trainer.max_epochs? "),
        (["--lr=3"], "--lr=3: no such option; did you mean --model.init_args.lr? "),
        (["--data.aug=NoAug"], "--data.aug=NoAug: no such option; did you mean --data.augmentation? "),
        (["--typo=1"], "--typo=1: no such option; `medunlearn fit --help` lists the options"),
        (
            ["--model=medunlearn.Trian"],
            "model.class_path=medunlearn.Trian: medunlearn has no Trian; did you mean Train",
        ),
    ],
)
def test_a_wrong_option_is_one_line(capsys, argv, line):
    assert refused(capsys, *FIT, *argv).startswith(line)


def test_a_module_that_cannot_be_imported_is_one_line(capsys, monkeypatch):
    monkeypatch.syspath_prepend(".")
    Path("brokenmodule.py").write_text("import medunlearn\nraise OSError('no\\nlicence')\n")
    line = refused(capsys, *FIT, "--model=brokenmodule.Own")
    assert line.startswith("model.class_path=brokenmodule.Own: brokenmodule cannot be imported (OSError: no licence);")


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (
            ["--trainer.callbacks=EarlyStopping", "--trainer.callbacks.monitor=val/los"],
            r".*: EarlyStopping monitors val/los",
        ),
        (
            ["--trainer.callbacks+=ModelCheckpoint", "--trainer.callbacks.monitor=x"],
            r".*: ModelCheckpoint monitors x, wh",
        ),
        (
            ["--trainer.callbacks=EarlyStopping", "--trainer.callbacks.monitor=a", "--trainer.callbacks.mode=x"],
            r"trainer.callbacks: EarlyStopping: .*mode.*x",
        ),
        (
            ["--trainer.val_check_interval=100"],
            r"trainer.val_check_interval=100: an epoch has 4 batches; give at most 4",
        ),
        (["--trainer.val_check_interval=0"], r"trainer.val_check_interval=0: give a number of batches, or a share"),
        (["--trainer.val_check_interval=foo"], r"trainer: .*val_check_interval.*foo"),
        (["--trainer.check_val_every_n_epoch=0"], r"trainer.check_val_every_n_epoch=0: give a whole number of 1"),
        (["--trainer.limit_train_batches=0.01"], r"trainer.limit_train_batches=0.01: leaves none of 4 .* least 0.25"),
        (["--trainer.limit_val_batches=0.01"], r"trainer.limit_val_batches=0.01: leaves none of 1 batch;"),
        (["--trainer.limit_train_batches=-1"], r"trainer: .*limit_train_batches"),
        (["--trainer.accelerator=foo"], r"trainer: .*'foo'"),
        (["--trainer.devices=foo"], r"trainer: .*devices"),
        (["--trainer.devices=[0,1]"], r"trainer: .*devices"),
        (["--trainer.num_nodes=0"], r"trainer.num_nodes=0: give a whole number of 1 or more"),
        (["--trainer.precision=64"], r"trainer.precision=64: weights must stay in 32 bits"),
        (["--trainer.precision=foo"], r"trainer.precision=foo: give one of .*32-true"),
        (["--trainer.max_time=5"], r"trainer: .*DD:HH:MM:SS"),
        (["--trainer.gradient_clip_algorithm=foo"], r"trainer: .*gradient_clip_algorithm.* foo"),
        (["--trainer.gradient_clip_val=-1"], r"trainer.gradient_clip_val=-1: give a number above 0"),
        (["--trainer.profiler=foo"], r"trainer: .*profiler"),
        (["--trainer.min_epochs=-1"], r"trainer.min_epochs=-1: give a whole number of 0 or more"),
        (["--trainer.max_steps=-5"], r"trainer: .*max_steps"),
        (["--trainer.logger=[Foo]"], r"trainer.logger=Foo: no such class"),
        (["--trainer.plugins=MixedPrecision"], r"trainer.plugins.init_args.precision: missing"),
    ],
)
def test_a_wrong_setting_of_the_trainer_is_one_line_before_any_work(capsys, npz, argv, line):
    command = ["fit", "--model=Train", "--run_dir=r", f"--data.file={npz}", "--data.batch_size=8", *QUIET]
    found = refused(capsys, *command, *argv)
    assert re.match(line, found), found


# Names of types

WRONG = ("wrong words", "-1.5", "[x]", "{a: b}", "[{a: [b]}]", "None")
TYPES = re.compile(
    r"list\[|dict\[|tuple\[|Union|Optional|NoneType|<class|typing|ParamSpec|Literal\[|Sequence\[|Mapping\[|Callable\[|"
    r"PathLike|jsonargparse|Parser key|subtypes|\b(dict|int|float|str|bool|object|Any)\b"
)


@pytest.fixture(scope="module")
def parser():
    return ResolvedSettings(["fit", "--data.dataset=synthetic", "--run_dir=r", "--model=Train"]).parser


def line_of(parser, *options):
    """Return what is said of options, empty where they are taken; the whole command would build a parser each time."""
    argv = ["--data.dataset=synthetic", "--run_dir=r", *(each.replace("=None", "=null") for each in options)]
    command = parser._subcommands_action._name_parser_map["fit"]
    try:
        check_groups(given_settings(argv), command, "fit")
        parser.parse_args(["fit", *argv])
    except InputError as error:
        return error.for_command_line
    except ArgumentError as error:
        return explained_error(error, given_settings(argv), command, "fit").for_command_line
    return ""


def first_of_each_type(types):
    """Return the first name of each type in a mapping from names: a wrong value is refused by its type."""
    return {str(kind): name for name, kind in sorted(types.items(), reverse=True)}.values()


def test_wrong_value_of_an_option_of_any_type_is_refused_without_the_names_of_types(parser):
    actions = parser._subcommands_action._name_parser_map["fit"]._actions
    types = {action.dest: type_of(action) for action in actions if f"--{action.dest}" in action.option_strings}
    options = {name for name in types if not name.endswith(".help")} - {"help", "config", "print_config"}
    assert len(options) > 60
    names = first_of_each_type({name: types[name] for name in options})
    assert len(names) > 20
    lines = [line_of(parser, "--model=medunlearn.Train", f"--{name}={each}") for name in names for each in WRONG]
    assert not [line for line in lines if TYPES.search(line)]
    assert len([line for line in lines if line]) > 3 * len(names)


def test_wrong_value_of_an_argument_of_any_type_is_refused_without_the_names_of_types(parser):
    kinds = {f"--model=medunlearn.{each.name}": each.load() for each in built_ins("methods")}
    of_all = {(model, name): hint for model, kind in kinds.items() for name, hint in arguments_of(kind).items()}
    found = first_of_each_type({place: hint for place, hint in of_all.items() if place[1] not in FROM_DATA})
    assert len(found) > 10
    for model, name in found:
        given = [model, *["--model.init_args.original=t"] * issubclass(kinds[model], medunlearn.Unlearner)]
        lines = [line_of(parser, *given, f"--model.init_args.{name}={each}") for each in WRONG]
        assert any(lines), name
        assert not [line for line in lines if TYPES.search(line)]


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("--data.size={a: b}", "data.size={a: b}: give a whole number; "),
        ("--data.forget.rate={a: {b: 1}}", "data.forget.rate={a: {b: 1}}: give a number, or null; "),
        ("--model.init_args.lr={a: b}", "model.init_args.lr={a: b}: give a number; "),
        ("--model.init_args.backbone=[x]", "model.init_args.backbone=[x]: give text; "),
        ("--data=wrong", "data=wrong: no such file of settings; set `data.NAME`; "),
    ],
)
def test_mapping_or_list_for_a_plain_value_is_named_as_it_was_typed(parser, option, line):
    assert line_of(parser, "--model=medunlearn.Train", option).startswith(line)
