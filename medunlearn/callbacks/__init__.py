from medunlearn.callbacks.run_record import RunRecord
from medunlearn.callbacks.runtime import RunTime
from medunlearn.callbacks.unlearning_metrics import UnlearningMetrics

__all__ = ["RunRecord", "RunTime", "UnlearningMetrics"]
