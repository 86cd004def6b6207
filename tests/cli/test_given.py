from pathlib import Path

from medunlearn.cli.given import given_settings, last


def pairs(*argv):
    return [(each.key, each.value) for each in given_settings(argv)]


def test_options_are_taken_in_order_however_they_are_written():
    argv = ["--model", "Train", "--data.size=28", "--trainer.callbacks+=A", "--print_config", "--lr", "-1"]
    assert pairs(*argv) == [
        ("model", "Train"),
        ("data.size", "28"),
        ("trainer.callbacks", "A"),
        ("print_config", None),
        ("lr", "-1"),
    ]


def test_mappings_and_configs_are_taken_apart():
    Path("a.yaml").write_text("model: {class_path: x.Y, init_args: {lr: 1}}\nlist: [1, 2]\nempty:\n")
    assert pairs("--config=a.yaml", "--data", "{size: 28, forget: {rate: 0.1}}") == [
        ("model.class_path", "x.Y"),
        ("model.init_args.lr", 1),
        ("list", [1, 2]),
        ("empty", None),
        ("data.size", 28),
        ("data.forget.rate", 0.1),
    ]


def test_a_setting_knows_where_it_comes_from():
    Path("a.yaml").write_text("run_dir: r\n")
    config, option = given_settings(["-c", "a.yaml", "--run_dir", "s"])
    assert (config.source, config.typed) == ("a.yaml", False)
    assert (option.source, option.typed) == ("--run_dir s", True)


def test_the_last_setting_counts():
    given = given_settings(["--a=1", "--b=x", "--a=null"])
    assert last(given, "a") is None
    assert last(given, "a", "b") is None
    assert last(given, "b") == "x"
    assert last(given, "c") is None


def test_a_mapping_that_holds_itself_is_left_whole():
    assert pairs("--data={size: &a [*a]}")[0][0] == "data.size"
    assert [key for key, _ in pairs("--data=&a {size: *a}")] == ["data"]
    assert [key for key, _ in pairs("--data={x: &a {size: *a}}")] == ["data"]
