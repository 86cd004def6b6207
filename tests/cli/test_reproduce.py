"""`medunlearn reproduce`: what it prints of the stages, and its exit status."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.backbones import LINEAR, WITH_TINY
from helpers.plans import model, runner, two_chains, write
from helpers.runs import COUNTS, QUIET

import medunlearn.plans.engines as execution
from medunlearn.__main__ import main
from medunlearn.cli.reproduce import _seed
from medunlearn.files.configs import shipped_plans
from medunlearn.metrics import average_gap
from medunlearn.plugins import names
from medunlearn.runs import RunDir


def test_a_plan_skips_what_is_finished_goes_on_with_the_rest_and_compares(npz, capsys, monkeypatch):
    """In this process: that `fit` runs in another one is subprocess's business."""
    calls = []

    def here(argv, environment):
        calls.append(argv[4:])
        return main(argv[4:])

    monkeypatch.setattr(execution, "run_process", here)
    data = {"file": str(npz), "batch_size": 8}
    forget = data | {"forget": {"rate": 0.25}}
    files = [
        write("t.yaml", run_dir="r/t", data=data, model=model("Train")),
        write("r.yaml", run_dir="r/r", data=forget, model=model("Retrain")),
        write("s.yaml", run_dir="r/s", reference="r/r", data=forget, model=model("SalUn", "r/t")),
    ]
    tiny = [WITH_TINY, *QUIET]
    options = ["--trainer.max_epochs=1", *tiny]
    assert main(["reproduce", *files, *options]) == 0
    table = [part for part in capsys.readouterr().out.split("\n\n") if "| r/" in part][-1]  # the legend is below
    assert [line.split("|")[2].partition("[")[0].strip() for line in table.splitlines() if line.startswith("| r/")] == [
        "Train, untouched",
        "Retrain",
        "SalUn",
    ]
    Path("r/s/metrics.json").unlink()
    calls.clear()
    assert main(["reproduce", *files, *options]) == 0
    assert len(calls) == 1
    assert calls[0][-2:] == ["--resume", "true"]
    assert capsys.readouterr().out.count("finished before") == 2
    assert json.loads(Path("r/s/metrics.json").read_text())["AG"] is not None

    calls.clear()
    assert main(["reproduce", *files, "--trainer.max_epochs=2", *tiny]) == 2
    assert "trainer.max_epochs=2: the finished run in r/t was made with 1" in capsys.readouterr().err
    assert not calls


def write_quadrants(path):
    """Write noise with one quadrant lighter, by class, which a linear network learns within two epochs, nearly."""
    rng, arrays = np.random.default_rng(0), {}
    for part, count in COUNTS.items():
        labels = np.arange(count) % 4
        images = rng.integers(0, 200, (count, 2, 4, 2, 4), dtype=np.uint8)
        images[np.arange(count), labels // 2, :, labels % 2] += 55
        arrays |= {f"{part}_images": images.reshape(count, 8, 8), f"{part}_labels": labels[:, None]}
    np.savez(path, **arrays)


def test_retrain_seeds_make_a_noise_floor_of_retrains_on_one_forget_set(capsys, monkeypatch):
    monkeypatch.setattr(execution, "run_process", lambda argv, environment: main(argv[4:]))
    write_quadrants("quadrants.npz")
    data = {"file": "quadrants.npz", "batch_size": 8, "augmentation": "NoAug"}
    forget = data | {"forget": {"rate": 0.25}}
    write("t.yaml", run_dir="r/t", data=data, model=model("Train"))
    write("r.yaml", run_dir="r/r", data=forget, model=model("Retrain"))
    write("s.yaml", run_dir="r/s", reference="r/r", data=forget, model=model("SalUn", "r/t"))
    plan = write("plan.yaml", configs=["t.yaml", "r.yaml", "s.yaml"], retrain_seeds=[1])
    options = [f"--model.init_args.backbone={LINEAR}", "--model.init_args.lr=0.03", "--trainer.max_epochs=2"]
    assert main(["reproduce", plan, *options, *QUIET]) == 0
    first, second, salun = (RunDir(f"r/{name}").read_metrics("test") for name in ("r", "r_retrain1", "s"))
    splits = [RunDir(f"r/{name}").read_split("test") for name in ("r", "r_retrain1")]
    assert splits[0] == splits[1]
    assert (first["seed"], second["seed"], first["AG"]) == (0, 1, None)
    assert first["files"]["checkpoints/model.ckpt"] != second["files"]["checkpoints/model.ckpt"]
    assert second["reference_sha256"] == salun["reference_sha256"] == first["files"]["checkpoints/model.ckpt"]
    floor = average_gap(first, second)
    assert second["AG"] == pytest.approx(floor)
    out = capsys.readouterr().out
    rows = {cells[1].strip(): cells for cells in (line.split("|") for line in out.splitlines()) if len(cells) > 9}
    assert rows["r/r_retrain1"][2].startswith(" Retrain, another seed")
    assert float(rows["r/r_retrain1"][7]) == pytest.approx(floor, abs=0.006)
    units = (average_gap(salun, first) + average_gap(salun, second)) / 2 / floor
    assert float(rows["r/s"][-2].split()[0]) == pytest.approx(units, abs=0.006)
    assert f"2 Retrains that differ in their seed alone are {floor:.2f} points apart (AG)" in " ".join(out.split())


def test_a_failed_stage_leaves_out_what_depends_on_it_and_nothing_else(monkeypatch, capsys):
    calls = runner(monkeypatch, {"r/a_train": 3})
    files = two_chains()
    assert main(["reproduce", *files]) == 1
    assert calls == ["r/a_train", "r/b_train", "r/b_salun"]
    printed = capsys.readouterr()
    assert "medunlearn: r/a_train failed: exit status 3" in printed.err
    assert "medunlearn: r/a_salun left out: it needs r/a_train" in printed.err
    assert "THE TABLE" in printed.out

    calls = runner(monkeypatch, {})
    assert main(["reproduce", *files]) == 0
    assert calls == ["r/a_train", "r/a_salun"]
    assert capsys.readouterr().out.count("finished before") == 2


def test_a_killed_stage_is_reported_as_killed(monkeypatch, capsys):
    runner(monkeypatch, {"r/a_train": -9})
    assert main(["reproduce", two_chains()[0]]) == 1
    assert "r/a_train failed: signal 9" in capsys.readouterr().err


def test_a_plan_that_lacks_a_run_is_refused_before_hours_are_lost(monkeypatch, capsys):
    calls = runner(monkeypatch, {})
    salun = two_chains()[1]
    for dry_run in ([], ["--dry_run"]):
        assert main(["reproduce", salun, *dry_run]) == 2
        printed = capsys.readouterr()
        assert printed.err == (
            "medunlearn: error: a_salun.yaml: model.init_args.original=r/a_train: no run there; make it with "
            "`medunlearn fit --config configs/NAME.yaml --run_dir r/a_train`\n"
        )
        assert not printed.out
    assert not calls


def test_time_left_is_printed_once_a_stage_is_finished(monkeypatch, capsys):
    runner(monkeypatch, {})
    clock = iter(range(0, 10_000, 100))
    monkeypatch.setattr(execution.time, "perf_counter", lambda: next(clock))
    assert main(["reproduce", *two_chains()]) == 0
    titles = [line for line in capsys.readouterr().out.splitlines() if line.startswith("stage") and ": r/" in line]
    assert titles[0] == "stage 1 of 4: r/a_train (time left: unknown until a stage is finished)"
    assert titles[1] == "stage 1 of 4: r/a_train: done after 2 min"
    assert titles[2] == "stage 2 of 4: r/a_salun [#####...............] 25 %, 7 min elapsed, 5 min left"
    assert titles[-2].endswith("[###############.....] 75 %, 17 min elapsed, 2 min left")


def plan_with_report(**more):
    files = two_chains()[:2]
    return write("plan.yaml", configs=files, description="Two\nstages.", minutes=3, report="r/report", **more)


def test_a_plan_says_what_it_does_and_how_long_before_it_starts_and_names_its_report_at_the_end(monkeypatch, capsys):
    runner(monkeypatch, {})
    written = []
    monkeypatch.setattr("medunlearn.cli.reproduce.written_report", lambda runs, folder: written.append(folder) or "IT")
    plan = plan_with_report()
    assert main(["reproduce", plan]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Two stages.", "2 of 2 stages to run, about 3 min on two CPU cores that do nothing else."]
    assert lines[2] == "stage 1 of 2: r/a_train [....................] 0 %, 0 s elapsed, 3 min left"
    assert lines[-4:] == ["", "THE TABLE", "", "IT"]
    assert written == [Path("r/report")]
    assert main(["reproduce", plan]) == 0
    assert capsys.readouterr().out.startswith("stage 1 of 2: r/a_train: finished before"), "nothing is to begin"
    assert len(written) == 2


def test_a_plan_whose_stage_fails_has_no_report_yet(monkeypatch, capsys):
    runner(monkeypatch, {"r/a_salun": 1})
    assert main(["reproduce", plan_with_report()]) == 1
    assert "Report" not in capsys.readouterr().out
    assert not Path("r/report").exists()


def test_a_report_that_cannot_be_written_is_said_in_one_line(monkeypatch, capsys):
    runner(monkeypatch, {})
    assert main(["reproduce", plan_with_report()]) == 1
    printed = capsys.readouterr()
    assert "THE TABLE" in printed.out
    assert printed.err.startswith("medunlearn: no report: ")
    assert printed.err.count("\n") == 1


def test_minutes_of_a_plan_are_those_of_each_of_its_seeds(monkeypatch, capsys):
    runner(monkeypatch, {"r/a_train": 1, "r/a_train_seed1": 1})
    main(["reproduce", plan_with_report(), "--seeds", "0", "1"])
    assert "4 of 4 stages to run, about 6 min on two CPU cores" in capsys.readouterr().out


@pytest.mark.parametrize(("argument", "seed"), [("7", 7), ("-1", -1), ("1.5", "1.5"), ("a", "a"), ("9" * 20, "9" * 20)])
def test_seed_is_a_number_or_stays_text_for_the_check(argument, seed):
    assert _seed(argument) == seed
    assert type(_seed(argument)) is type(seed)


def test_reproduce_help_names_every_shipped_plan_and_engine(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["reproduce", "--help"])
    shown = capsys.readouterr().out
    assert all(f"`{name}`" in shown for name in shipped_plans())
    assert all(name in shown for name in names("engines"))


def test_reproduce_refuses_an_unknown_engine_in_one_line(capsys):
    assert main(["reproduce", "demo", "--engine", "slurm"]) == 2
    error = capsys.readouterr().err
    assert "slurm" in error
    assert error.count("\n") == 1
