from medunlearn.models.resnet import ResNet18, Stem
from medunlearn.models.weights import count_changed, load_model, load_weights, read_weights, save_weights

__all__ = ["ResNet18", "Stem", "count_changed", "load_model", "load_weights", "read_weights", "save_weights"]
