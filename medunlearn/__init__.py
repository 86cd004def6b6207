"""Machine unlearning for medical image classifiers with PyTorch Lightning."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medunlearn.callbacks import RunRecord, RunTime, UnlearningMetrics
    from medunlearn.data import ForgetSpec, MedMNISTDataModule
    from medunlearn.errors import InputError
    from medunlearn.methods import Classifier, FineTune, RandomLabels, Retrain, SalUn, Train, Unlearner
    from medunlearn.models import ResNet18, load_model

_HOME = {
    "Classifier": "methods",
    "FineTune": "methods",
    "ForgetSpec": "data",
    "InputError": "errors",
    "MedMNISTDataModule": "data",
    "RandomLabels": "methods",
    "ResNet18": "models",
    "Retrain": "methods",
    "RunRecord": "callbacks",
    "RunTime": "callbacks",
    "SalUn": "methods",
    "Train": "methods",
    "Unlearner": "methods",
    "UnlearningMetrics": "callbacks",
    "load_model": "models",
}

__all__ = [
    "Classifier",
    "FineTune",
    "ForgetSpec",
    "InputError",
    "MedMNISTDataModule",
    "RandomLabels",
    "ResNet18",
    "Retrain",
    "RunRecord",
    "RunTime",
    "SalUn",
    "Train",
    "Unlearner",
    "UnlearningMetrics",
    "load_model",
]


def __getattr__(name: str) -> Any:
    # Imported when first used, so that `medunlearn --help` does not wait for torch.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"medunlearn.{_HOME[name]}"), name)
