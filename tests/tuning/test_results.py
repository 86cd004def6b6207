"""The table of a study, and the sentences below it."""

from pathlib import Path

from medunlearn.plans.stages import Stage
from medunlearn.tuning.results import settings_text, table, write_tuned
from medunlearn.tuning.rows import Row, chosen
from medunlearn.tuning.trials import Place, Recipe

LR = {"model.init_args.lr": 0.012345, "trainer.max_epochs": 4}


def row(trial, gap, state="finished", config="a", **more):
    return Row(trial, config, "SalUn", state, f"t{trial}", settings=LR, proxy=gap, RTE=1.0, **more)


def rows(untouched, *gaps):
    return [
        Row("untouched", "", "untouched", "", "r", proxy=untouched),
        row("0", gaps[0], recipe=True),
        *(row(str(at), gap) for at, gap in enumerate(gaps[1:], 1)),
    ]


def test_chosen_is_the_least_of_the_finished_and_the_first_of_equal_ones():
    found = [*rows(9.0, 5.0, 3.0, 3.0), row("3", 1.0, "stopped"), row("4", None, "failed")]
    assert chosen(found, "proxy").trial == "1"
    assert chosen(found, "average_gap") is None


def test_no_row_is_in_bold_where_the_untouched_model_is_as_near():
    assert "| **1** " in table(rows(9.0, 5.0, 3.0), "proxy")
    worse = table(rows(3.0, 5.0, 3.0), "proxy")
    assert "**" not in worse
    assert "finished, chosen" in worse


def test_configs_are_named_where_there_are_several():
    found = [*rows(9.0, 5.0), row("1", 2.0, config="b")]
    assert "| SalUn (b) " in table(found, "proxy")
    assert "(a)" not in table(rows(9.0, 5.0), "proxy")
    assert settings_text(found[1]) == "lr 0.01235, max_epochs 4"


def test_command_in_tuned_yaml_is_quoted(tmp_path):
    recipe = Recipe(Stage(Path("a.yaml"), {"model": "SalUn"}), {}, ())
    write_tuned(rows(9.0, 5.0), recipe, Place(Path("my study")), tmp_path / "my tuned.yaml")
    (line,) = [line for line in (tmp_path / "my tuned.yaml").read_text().splitlines() if "Run it" in line]
    assert line == f"# Run it: medunlearn fit --config '{tmp_path}/my tuned.yaml'"
