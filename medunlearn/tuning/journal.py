"""The storage of a study: a file of JSON lines, written by the study and by the process of each trial."""

import math
import time
from pathlib import Path
from typing import Any, NamedTuple

from medunlearn.tuning.halving import left_behind, worse_part

STUDY = "study.jsonl"
CONFIG = "config"
"""Name of the trial parameter, and trial attribute, that identifies its config."""
RECIPE = "recipe"
"""Name of the attribute of a trial that runs a config unchanged."""

LOCKED = 30.0
"""Seconds after which a lock counts as stale: writing one line takes milliseconds."""


def open_journal(path: Path) -> Any:
    """Return Optuna's storage in a file of JSON lines; nothing in it is pickled."""
    from optuna.storages import JournalStorage  # takes a third of a second, which other commands avoid
    from optuna.storages.journal import JournalFileBackend

    # Optuna's lock is a symbolic link to the file, and a stale lock is detected by the age of its target: with a
    # relative path the link would be broken.
    return JournalStorage(JournalFileBackend(str(path.absolute())))


def repair(path: Path) -> None:
    """Remove what a killed process has left: a stale lock, and an incomplete line at the end of the file."""
    lock = path.with_name(f"{path.name}.lock")
    if lock.is_symlink() and time.time() - lock.lstat().st_mtime > LOCKED:  # Optuna's oldest release waits for ever
        lock.unlink(missing_ok=True)
    if path.is_file() and not (content := path.read_bytes()).endswith(b"\n"):
        path.write_bytes(content[: content.rfind(b"\n") + 1])


class TrialFile(NamedTuple):
    """Access to a trial in the study's file, from the process of that trial.

    Args:
        path: The file of the study.
        number: The trial's number.
    """

    path: Path
    number: int

    def judged(self, gap: float, rung: int) -> str:
        """Write a trial's gap at a rung, and return the reason to stop it; an empty string if it continues.

        A trial that the study does not count as running, or whose study is missing, is never stopped: its run is being
        resumed or repeated by hand.
        """
        if not self.path.is_file():
            return ""
        storage = open_journal(self.path)
        (study,) = storage.get_all_studies()
        trials = storage.get_all_trials(study._study_id)
        own = trials[self.number]
        if own.state.is_finished():
            return ""
        if rung not in own.intermediate_values:  # a resumed trial may reach a rung twice
            storage.set_trial_intermediate_value(own._trial_id, rung, gap)
        if not math.isfinite(gap):
            return "the model has diverged"
        alike = [each for each in trials if each.number != own.number and _config(each) == _config(own)]
        if RECIPE in own.user_attrs or not left_behind(gap, [each.intermediate_values for each in alike], rung):
            return ""
        return f"its proxy gap of {gap:.2f} points is in the {worse_part(rung)} after {rung} % of the schedule"


def _config(trial: Any) -> Any:
    return trial.user_attrs.get(CONFIG)
