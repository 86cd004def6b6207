from medunlearn.callbacks.interruption import Interruption, restarted_by_slurm
from medunlearn.callbacks.run_record import RunRecord
from medunlearn.callbacks.runtime import RunTime
from medunlearn.callbacks.unlearning_metrics import UnlearningMetrics

__all__ = ["Interruption", "RunRecord", "RunTime", "UnlearningMetrics", "restarted_by_slurm"]
