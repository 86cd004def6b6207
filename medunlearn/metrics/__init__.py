from medunlearn.metrics.by_class import by_class, forgotten_classes, retained_accuracy, wholly_forgotten
from medunlearn.metrics.by_group import by_group, group_arrays, groups_by_split
from medunlearn.metrics.distances import agreement, jensen_shannon, kolmogorov_smirnov, relative_distance
from medunlearn.metrics.floor import Floor, Place, gap_to_all, noise_floor, pair_gaps, place
from medunlearn.metrics.forgetting_quality import epsilons, forgetting_quality
from medunlearn.metrics.gap import GAP_METRICS, average_gap
from medunlearn.metrics.intervals import (
    FEW,
    PART_OF,
    gap_difference_margin,
    half_width,
    largest_error,
    prediction_interval,
    wilson,
)
from medunlearn.metrics.klom import klom
from medunlearn.metrics.learning_curve import LearningCurve, Loss, Point, Reading, nested_order, part_sizes
from medunlearn.metrics.membership import Feature, Solver, attack, attack_calls, attack_sample, membership_inference
from medunlearn.metrics.notes import collapse, failed_retrain, notes, reference_notes
from medunlearn.metrics.poison import monte_carlo, monte_carlo_p_values, poison_null, poison_p_value, poison_statistics
from medunlearn.metrics.predictions import ARRAYS, LOGITS, PARTS, Part, Predictions
from medunlearn.metrics.proxy import attack_shares, proxy_gap, proxy_targets, why_no_proxy
from medunlearn.metrics.resampling import bootstrap_mean, interval
from medunlearn.metrics.roc import (
    Roc,
    auc,
    balanced_accuracy,
    bootstrap,
    can_show,
    clopper_pearson,
    roc,
    tpr_at,
)
from medunlearn.metrics.seen import Seen, seen
from medunlearn.metrics.shadows import difference, leave_one_out, lira, offline_lira, rmia
from medunlearn.metrics.signals import NEEDS_LOGITS, Signal, margins, signal
from medunlearn.metrics.ulira import ulira
from medunlearn.metrics.unlearning import accuracies, accuracy, attack_draws, unlearning_metrics, validation_metrics

__all__ = [
    "ARRAYS",
    "FEW",
    "GAP_METRICS",
    "LOGITS",
    "NEEDS_LOGITS",
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
    "Roc",
    "Seen",
    "Signal",
    "Solver",
    "accuracies",
    "accuracy",
    "agreement",
    "attack",
    "attack_calls",
    "attack_draws",
    "attack_sample",
    "attack_shares",
    "auc",
    "average_gap",
    "balanced_accuracy",
    "bootstrap",
    "bootstrap_mean",
    "by_class",
    "by_group",
    "can_show",
    "clopper_pearson",
    "collapse",
    "difference",
    "epsilons",
    "failed_retrain",
    "forgetting_quality",
    "forgotten_classes",
    "gap_difference_margin",
    "gap_to_all",
    "group_arrays",
    "groups_by_split",
    "half_width",
    "interval",
    "jensen_shannon",
    "klom",
    "kolmogorov_smirnov",
    "largest_error",
    "leave_one_out",
    "lira",
    "margins",
    "membership_inference",
    "monte_carlo",
    "monte_carlo_p_values",
    "nested_order",
    "noise_floor",
    "notes",
    "offline_lira",
    "pair_gaps",
    "part_sizes",
    "place",
    "poison_null",
    "poison_p_value",
    "poison_statistics",
    "prediction_interval",
    "proxy_gap",
    "proxy_targets",
    "reference_notes",
    "relative_distance",
    "retained_accuracy",
    "rmia",
    "roc",
    "seen",
    "signal",
    "tpr_at",
    "ulira",
    "unlearning_metrics",
    "validation_metrics",
    "wholly_forgotten",
    "why_no_proxy",
    "wilson",
]
