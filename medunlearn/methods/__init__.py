"""Methods: training, retraining and unlearning, a file each."""

from medunlearn.methods.classifier import Classifier
from medunlearn.methods.fine_tune import FineTune
from medunlearn.methods.random_labels import RandomLabels
from medunlearn.methods.retrain import Retrain
from medunlearn.methods.salun import SalUn
from medunlearn.methods.train import Train
from medunlearn.methods.unlearner import Unlearner

__all__ = ["Classifier", "FineTune", "RandomLabels", "Retrain", "SalUn", "Train", "Unlearner"]
