__all__ = [
    "Batch",
    "Classifier",
    "ForgetSpec",
    "ImageData",
    "InputError",
    "MedMNISTDataModule",
    "Part",
    "Predictions",
    "ResNet18",
    "Retrain",
    "RunRecord",
    "RunTime",
    "SalUn",
    "Split",
    "Train",
    "UnlearningMetrics",
    "load_model",
]

from .callbacks import RunRecord, RunTime, UnlearningMetrics
from .contracts import Batch
from .data import ForgetSpec, MedMNISTDataModule
from .data.npz import ImageData, Split
from .errors import InputError
from .methods import Classifier, Retrain, SalUn, Train
from .metrics import Part, Predictions
from .models import ResNet18, load_model
