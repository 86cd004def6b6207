from medunlearn.metrics.by_class import by_class, forgotten_classes, retained_accuracy, wholly_forgotten
from medunlearn.metrics.gap import GAP_METRICS, average_gap
from medunlearn.metrics.intervals import FEW, PART_OF, gap_difference_margin, half_width, largest_error, wilson
from medunlearn.metrics.learning_curve import LearningCurve, Loss, Point, Reading, nested_order, part_sizes
from medunlearn.metrics.membership import Feature, Solver, attack, attack_sample, membership_inference
from medunlearn.metrics.notes import collapse, notes, reference_notes
from medunlearn.metrics.predictions import ARRAYS, PARTS, Part, Predictions
from medunlearn.metrics.proxy import attack_shares, proxy_gap, proxy_targets, why_no_proxy
from medunlearn.metrics.unlearning import accuracies, accuracy, unlearning_metrics, validation_metrics

__all__ = [
    "ARRAYS",
    "FEW",
    "GAP_METRICS",
    "PARTS",
    "PART_OF",
    "Feature",
    "LearningCurve",
    "Loss",
    "Part",
    "Point",
    "Predictions",
    "Reading",
    "Solver",
    "accuracies",
    "accuracy",
    "attack",
    "attack_sample",
    "attack_shares",
    "average_gap",
    "by_class",
    "collapse",
    "forgotten_classes",
    "gap_difference_margin",
    "half_width",
    "largest_error",
    "membership_inference",
    "nested_order",
    "notes",
    "part_sizes",
    "proxy_gap",
    "proxy_targets",
    "reference_notes",
    "retained_accuracy",
    "unlearning_metrics",
    "validation_metrics",
    "wholly_forgotten",
    "why_no_proxy",
    "wilson",
]
