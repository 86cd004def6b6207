from medunlearn.data.augmentation import PRESETS
from medunlearn.data.datamodule import MedMNISTDataModule
from medunlearn.data.forgetting import ForgetSpec, choose_forget_set
from medunlearn.data.loading import Batch

__all__ = ["PRESETS", "Batch", "ForgetSpec", "MedMNISTDataModule", "choose_forget_set"]
