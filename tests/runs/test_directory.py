import json
import pickle

import numpy as np
import pytest

from medunlearn.errors import InputError
from medunlearn.files import write_whole, writing
from medunlearn.runs import RunDir, directory

FILES = {
    "metrics": "metrics.json",
    "predictions": "predictions.npz",
    "split": "split.json",
    "config": "config.yaml",
    "weights": "checkpoints/model.ckpt",
    "last": "checkpoints/last.ckpt",
}


@pytest.fixture
def run(tmp_path):
    return RunDir(tmp_path / "runs" / "salun")


@pytest.fixture
def whole(run):
    """A run directory with every file of a finished run."""
    (run.path / "logs" / "version_0").mkdir(parents=True)
    (run.path / "logs" / "version_0" / "metrics.csv").write_text("epoch\n0\n")
    run.checkpoints.mkdir()
    run.weights.write_bytes(b"weights")
    run.last.write_bytes(b"last")
    run.config.write_text("model: SalUn\n")
    run.write_json(run.split, {"indices": [1, 2]})
    run.write_predictions({"forget_index": np.arange(3)})
    run.write_arrays(run.predicted, {"probs": np.zeros((3, 2))})
    run.write_json(run.metrics, {"UA": 1.5})
    return run


def refusal(call, *args):
    """Return the message of the error, one line as the command line prints it."""
    with pytest.raises(InputError) as caught:
        call(*args)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


# Names and states


def test_files_have_the_names_of_the_design(run):
    assert {name: getattr(run, name) for name in FILES} == {name: run.path / file for name, file in FILES.items()}
    assert run.logs == run.path / "logs"
    assert str(run) == str(run.path)
    assert RunDir(str(run.path)).metrics == run.metrics


def test_a_directory_that_is_missing_or_empty_is_neither_started_nor_finished(run):
    assert (run.started, run.finished) == (False, False)
    run.path.mkdir(parents=True)
    assert (run.started, run.finished) == (False, False)
    (run.path / "notes.txt").write_text("notes")
    assert (run.started, run.finished) == (False, False)


@pytest.mark.parametrize("name", ["predictions", "split", "config", "weights", "last", "logs"])
def test_a_run_that_left_any_file_but_its_metrics_was_started_and_is_not_finished(run, name):
    file = getattr(run, name)
    file.parent.mkdir(parents=True)
    file.mkdir() if name == "logs" else file.write_bytes(b"")
    assert (run.started, run.finished) == (True, False)


def test_a_run_is_finished_when_its_metrics_are_there(whole):
    assert (whole.started, whole.finished) == (True, True)
    whole.metrics.unlink()
    assert (whole.started, whole.finished) == (True, False)


def test_a_run_that_was_killed_while_writing_its_metrics_is_not_finished(whole):
    whole.metrics.rename(whole.path / "metrics.json.part")
    assert not whole.finished


# Clearing


def test_clear_deletes_the_files_of_a_run(whole):
    whole.clear()
    assert (whole.started, whole.finished) == (False, False)
    assert list(whole.path.iterdir()) == []


def test_clear_leaves_what_is_not_the_runs(whole):
    (whole.path / "notes.txt").write_text("notes")
    (whole.path / "figures").mkdir()
    (whole.path / "figures" / "metrics.json").write_text("{}")
    beside = RunDir(whole.path.parent / "train")
    beside.write_json(beside.metrics, {})
    whole.clear()
    left = sorted(str(path.relative_to(whole.path)) for path in whole.path.rglob("*"))
    assert left == ["figures", "figures/metrics.json", "notes.txt"]
    assert beside.finished


def test_clear_of_nothing_does_nothing(run):
    run.clear()
    assert not run.path.exists()


def test_clear_begins_with_what_says_finished(whole, monkeypatch):
    # Killed in between, what is left must not look like a finished run.
    states = []
    unlink = writing.Path.unlink
    monkeypatch.setattr(directory.shutil, "rmtree", lambda folder: states.append(whole.finished))
    monkeypatch.setattr(
        writing.Path, "unlink", lambda *args, **kw: (unlink(*args, **kw), states.append(whole.finished))[0]
    )
    whole.clear()
    assert len(states) == 10, "the files of a run, the mark of a stopped trial, a learning curve, and a poison test"
    assert not any(states)


def test_clear_takes_a_link_away_and_leaves_what_it_points_to(whole, tmp_path):
    elsewhere = tmp_path / "scratch"
    whole.checkpoints.rename(elsewhere)
    whole.checkpoints.symlink_to(elsewhere)
    whole.clear()
    assert not whole.started
    assert (elsewhere / "model.ckpt").is_file()


# Writing


@pytest.mark.parametrize(
    "content",
    [
        {},
        {
            "UA": 0.1,
            "AG": None,
            "runtime": {"training": 1.5},
            "n": dict.fromkeys(("forget", "retain", "test"), 1),
            "ü": "ß",
        },
    ],
)
def test_json_is_read_as_it_was_written(run, content):
    run.write_json(run.metrics, content)
    assert json.loads(run.metrics.read_text()) == content
    assert run.read_metrics("reference") == content
    run.write_json(run.split, content | {"indices": [3]})
    assert run.read_split("reference") == content | {"indices": [3]}


def test_writing_makes_the_directory_and_leaves_no_other_file(run):
    run.write_json(run.metrics, {})
    write_whole(run.logs / "deep" / "note", b"x")
    assert sorted(path.name for path in run.path.rglob("*") if path.is_file()) == ["metrics.json", "note"]


def test_writing_again_replaces_the_whole_content(run):
    run.write_json(run.metrics, {"long": "x" * 1000})
    run.write_json(run.metrics, {"b": 1})
    assert run.read_metrics("reference") == {"b": 1}


class Crash(Exception):
    pass


def crash(*args, **kwargs):
    raise Crash


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_crash_while_writing_json_leaves_the_old_content(run, monkeypatch, where):
    run.write_json(run.metrics, {"old": 1})
    with monkeypatch.context() as patched:
        patched.setattr(*{"fsync": (writing.os, "fsync"), "replace": (writing.Path, "replace")}[where], crash)
        with pytest.raises(Crash):
            run.write_json(run.metrics, {"new": "x" * 100_000})
    assert run.read_metrics("reference") == {"old": 1}
    run.write_json(run.metrics, {"new": 2})  # and what the crash left does not stand in the way
    assert run.read_metrics("reference") == {"new": 2}


def test_a_crash_while_writing_for_the_first_time_leaves_no_run_that_looks_finished(run, monkeypatch):
    monkeypatch.setattr(writing.os, "fsync", crash)
    with pytest.raises(Crash):
        run.write_json(run.metrics, {"UA": 1})
    assert (run.started, run.finished) == (False, False)


def test_content_that_is_no_json_leaves_the_old_file(run):
    run.write_json(run.metrics, {"old": 1})
    with pytest.raises(TypeError):
        run.write_json(run.metrics, {"UA": 1, "model": object()})
    assert run.read_metrics("reference") == {"old": 1}


def test_the_content_is_on_the_disk_before_the_file_gets_its_name(run, monkeypatch):
    done = []
    fsync, replace = writing.os.fsync, writing.Path.replace
    monkeypatch.setattr(writing.os, "fsync", lambda number: (done.append("fsync"), fsync(number))[1])
    monkeypatch.setattr(writing.Path, "replace", lambda part, to: (done.append("replace"), replace(part, to))[1])
    run.write_json(run.metrics, {})
    assert done == ["fsync", "replace"]


def test_predictions_are_read_as_they_were_written(whole):
    arrays = {"forget_probs": np.random.default_rng(0).random((3, 2), np.float32), "val_index": np.arange(5)}
    whole.write_predictions(arrays)
    found = whole.read_predictions("reference")
    assert found.keys() >= arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)
    assert [path.name for path in whole.path.glob("predictions*")] == ["predictions.npz"]


def test_a_crash_while_writing_predictions_leaves_the_old_ones(whole, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(writing.Path, "replace", crash)
        with pytest.raises(Crash):
            whole.write_predictions({"new": np.arange(3)})
    assert whole.read_predictions("reference")["forget_index"].tolist() == [0, 1, 2]


def test_predictions_are_not_written_with_pickle(whole):
    with pytest.raises(ValueError, match="Expected `objects` to hold numbers or text"):
        whole.write_predictions({"objects": np.array([{}], dtype=object)})
    assert whole.read_predictions("reference")["forget_index"].tolist() == [0, 1, 2]


# Reading


DAMAGE = {
    "empty": b"",
    "truncated": b'{"UA": 1.5, "RA"',
    "no JSON": b"UA: 1.5",
    "no text": b"\xff\xfe\x00",
    "deep": b"[" * 10**5,
}


@pytest.mark.parametrize("argument", ["reference", "original"])
@pytest.mark.parametrize("name", ["metrics", "split"])
@pytest.mark.parametrize("damage", ["missing", "directory", *DAMAGE])
def test_damaged_json_is_refused_by_argument_run_and_file(run, name, argument, damage):
    file, read = getattr(run, name), getattr(run, f"read_{name}")
    run.path.mkdir(parents=True)
    if damage == "directory":
        file.mkdir()
    elif damage != "missing":
        file.write_bytes(DAMAGE[damage])
    message = refusal(read, argument)
    assert message.startswith(f"{argument}={run}: {file} cannot be read (")
    assert message.endswith("); run that stage again")
    assert "()" not in message


@pytest.mark.parametrize("name", ["metrics", "split"])
@pytest.mark.parametrize("content", ["[1, 2]", "null", "3", '"UA"'])
def test_json_that_is_no_object_is_refused(run, name, content):
    file = getattr(run, name)
    write_whole(file, content.encode())
    assert refusal(getattr(run, f"read_{name}"), "reference") == (
        f"reference={run}: {file} holds no JSON object; run that stage again"
    )


def test_config_is_read_as_yaml_without_running_code(run, tmp_path):
    write_whole(run.config, b"model: SalUn\ndata:\n  forget: {rate: 0.1}\n")
    assert run.read_config("run_dir") == {"model": "SalUn", "data": {"forget": {"rate": 0.1}}}
    marker = tmp_path / "code_was_run"
    write_whole(run.config, f"a: !!python/object/apply:builtins.open ['{marker}', w]\n".encode())
    assert refusal(run.read_config, "run_dir").startswith(f"run_dir={run}: {run.config} cannot be read (")
    assert not marker.exists()


@pytest.mark.parametrize("damage", ["missing", "directory", b"a: [1, 2", b"a: b: c", b"\xff\xfe\x00", b"\x00"])
def test_a_damaged_config_is_refused_by_argument_run_and_file(run, damage):
    run.path.mkdir(parents=True)
    if damage == "directory":
        run.config.mkdir()
    elif damage != "missing":
        run.config.write_bytes(damage)
    assert refusal(run.read_config, "run_dir").startswith(f"run_dir={run}: {run.config} cannot be read (")


@pytest.mark.parametrize("content", [b"a: 2024-99-99", b"[" * 5000], ids=["date", "deep"])
def test_a_config_that_yaml_stumbles_over_is_refused(run, content):
    write_whole(run.config, content)
    assert refusal(run.read_config, "run_dir").startswith(f"run_dir={run}: {run.config} cannot be read (")


@pytest.mark.parametrize("content", [b"", b"- 1\n", b"text"])
def test_a_config_without_settings_is_refused(run, content):
    write_whole(run.config, content)
    assert refusal(run.read_config, "run_dir").startswith(f"run_dir={run}: {run.config} ")


def archive(path):
    np.savez(path, forget_index=np.arange(300), forget_labels=np.arange(300))
    return path.read_bytes()


@pytest.mark.parametrize("damage", ["missing", "directory", "empty", "half", "changed", "text"])
def test_damaged_predictions_are_refused_by_argument_run_and_file(run, tmp_path, damage):
    run.path.mkdir(parents=True)
    good = archive(tmp_path / "good.npz")
    changed = good[:1000] + bytes([good[1000] ^ 1]) + good[1001:]
    content = {"empty": b"", "half": good[: len(good) // 2], "changed": changed, "text": b"not an archive"}
    if damage == "directory":
        run.predictions.mkdir()
    elif damage != "missing":
        run.predictions.write_bytes(content[damage])
    message = refusal(run.read_predictions, "original")
    assert message.startswith(f"original={run}: {run.predictions} cannot be read (")
    assert message.endswith("); run that stage again")


class Bomb:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return open, (str(self.marker), "w")


@pytest.mark.parametrize("kind", ["object array", "plain pickle"])
def test_code_in_predictions_is_not_run(run, tmp_path, kind):
    marker = tmp_path / "code_was_run"
    run.path.mkdir(parents=True)
    if kind == "object array":
        np.savez(run.predictions, forget_index=np.arange(3), forget_probs=np.array([Bomb(marker)], dtype=object))
    else:
        run.predictions.write_bytes(pickle.dumps(Bomb(marker)))
    message = refusal(run.read_predictions, "reference")
    assert message.startswith(f"reference={run}: {run.predictions} cannot be read (")
    assert not marker.exists()
    if kind == "object array":
        with np.load(run.predictions, allow_pickle=True) as arrays:
            arrays["forget_probs"].tolist()
    else:
        pickle.loads(run.predictions.read_bytes())
    assert marker.exists()  # so reading it without care does run code


def encrypted(content):
    """The archive with the bit set that says that its first file is encrypted."""
    place = content.index(b"PK\x01\x02") + 8
    return content[:place] + bytes([content[place] | 1]) + content[place + 1 :]


@pytest.mark.parametrize("damage", ["a bare array", "encrypted", "unknown compression"])
def test_predictions_of_another_form_are_refused(run, tmp_path, damage):
    run.path.mkdir(parents=True)
    good = archive(tmp_path / "good.npz")
    if damage == "a bare array":
        with run.predictions.open("wb") as file:
            np.save(file, np.arange(3))
    elif damage == "encrypted":
        run.predictions.write_bytes(encrypted(good))
    else:
        place = good.index(b"PK\x01\x02") + 10
        run.predictions.write_bytes(good[:place] + b"\x63" + good[place + 1 :])
    message = refusal(run.read_predictions, "reference")
    assert message.startswith(f"reference={run}: {run.predictions} cannot be read (")
