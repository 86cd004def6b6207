from medunlearn.models.resnet import ResNet18, Stem
from medunlearn.models.weights import load_model, load_weights, read_weights, save_weights

__all__ = ["ResNet18", "Stem", "load_model", "load_weights", "read_weights", "save_weights"]
