from medunlearn.metrics.gap import GAP_METRICS, average_gap
from medunlearn.metrics.membership import Feature, Solver, attack, attack_sample, membership_inference
from medunlearn.metrics.predictions import ARRAYS, PARTS, Part, Predictions
from medunlearn.metrics.unlearning import accuracies, accuracy, unlearning_metrics, validation_metrics

__all__ = [
    "ARRAYS",
    "GAP_METRICS",
    "PARTS",
    "Feature",
    "Part",
    "Predictions",
    "Solver",
    "accuracies",
    "accuracy",
    "attack",
    "attack_sample",
    "average_gap",
    "membership_inference",
    "unlearning_metrics",
    "validation_metrics",
]
