from medunlearn.data.augmentation import PRESETS
from medunlearn.data.datamodule import MedMNISTDataModule
from medunlearn.data.forgetting import ForgetSpec, choose_forget_set

__all__ = ["PRESETS", "ForgetSpec", "MedMNISTDataModule", "choose_forget_set"]
