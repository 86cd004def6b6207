"""Callbacks that evaluate a fit, measure its run time and write its run directory; and `fit`, which combines them."""

from medunlearn.callbacks.finished_run import FinishedRun
from medunlearn.callbacks.fitting import fit
from medunlearn.callbacks.run_record import RunRecord
from medunlearn.callbacks.runtime import RunTime
from medunlearn.callbacks.unlearning_metrics import UnlearningMetrics
from medunlearn.training.interruption import Interruption, restarted_by_slurm

__all__ = ["FinishedRun", "Interruption", "RunRecord", "RunTime", "UnlearningMetrics", "fit", "restarted_by_slurm"]
