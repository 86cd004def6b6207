from medunlearn.metrics.by_class import by_class, forgotten_classes, retained_accuracy, wholly_forgotten
from medunlearn.metrics.floor import Floor, Place, gap_to_all, noise_floor, pair_gaps, place
from medunlearn.metrics.forgetting_quality import epsilons, forgetting_quality
from medunlearn.metrics.gap import GAP_METRICS, average_gap
from medunlearn.metrics.intervals import FEW, PART_OF, gap_difference_margin, half_width, largest_error, wilson
from medunlearn.metrics.klom import klom
from medunlearn.metrics.learning_curve import LearningCurve, Loss, Point, Reading, nested_order, part_sizes
from medunlearn.metrics.membership import Feature, Solver, attack, attack_sample, membership_inference
from medunlearn.metrics.notes import collapse, failed_retrain, notes, reference_notes
from medunlearn.metrics.poison import monte_carlo, monte_carlo_p_values, poison_p_value, poison_statistics
from medunlearn.metrics.predictions import ARRAYS, LOGITS, PARTS, Part, Predictions
from medunlearn.metrics.proxy import attack_shares, proxy_gap, proxy_targets, why_no_proxy
from medunlearn.metrics.unlearning import accuracies, accuracy, unlearning_metrics, validation_metrics

__all__ = [
    "ARRAYS",
    "FEW",
    "GAP_METRICS",
    "LOGITS",
    "PARTS",
    "PART_OF",
    "Feature",
    "Floor",
    "LearningCurve",
    "Loss",
    "Part",
    "Place",
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
    "epsilons",
    "failed_retrain",
    "forgetting_quality",
    "forgotten_classes",
    "gap_difference_margin",
    "gap_to_all",
    "half_width",
    "klom",
    "largest_error",
    "membership_inference",
    "monte_carlo",
    "monte_carlo_p_values",
    "nested_order",
    "noise_floor",
    "notes",
    "pair_gaps",
    "part_sizes",
    "place",
    "poison_p_value",
    "poison_statistics",
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
