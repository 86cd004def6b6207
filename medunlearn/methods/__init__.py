from medunlearn.methods.classifier import Classifier
from medunlearn.methods.retrain import Retrain
from medunlearn.methods.salun import SalUn
from medunlearn.methods.train import Train

__all__ = ["Classifier", "Retrain", "SalUn", "Train"]
