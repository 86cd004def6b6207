__all__ = [
    "Batch",
    "Classifier",
    "FineTune",
    "ForgetSpec",
    "ImageData",
    "InputError",
    "MedMNISTDataModule",
    "Part",
    "Predictions",
    "RandomLabels",
    "ResNet18",
    "Retrain",
    "RunRecord",
    "RunTime",
    "SalUn",
    "Split",
    "Train",
    "Unlearner",
    "UnlearningMetrics",
    "fit",
    "load_model",
    "report",
]

from . import report
from .callbacks import RunRecord, RunTime, UnlearningMetrics, fit
from .contracts import Batch
from .data import ForgetSpec, MedMNISTDataModule
from .data.npz import ImageData, Split
from .errors import InputError
from .methods import Classifier, FineTune, RandomLabels, Retrain, SalUn, Train, Unlearner
from .metrics import Part, Predictions
from .models import ResNet18, load_model
