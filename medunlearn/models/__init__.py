"""Backbones, built by name, and files of their weights."""

from medunlearn.models.backbones import another_like, build_backbone, find_backbone
from medunlearn.models.base import Backbone, check_constant, plain_name, set_normalisation
from medunlearn.models.counting import count_changed, count_statistics
from medunlearn.models.elsewhere import Elsewhere, fitted, read_elsewhere
from medunlearn.models.features import features_and_logits, last_linear
from medunlearn.models.images import ImageFormat
from medunlearn.models.resnet import ResNet18, Stem
from medunlearn.models.weights import load_model, load_weights, read_weights, save_weights, weights_for

__all__ = [
    "Backbone",
    "Elsewhere",
    "ImageFormat",
    "ResNet18",
    "Stem",
    "another_like",
    "build_backbone",
    "check_constant",
    "count_changed",
    "count_statistics",
    "features_and_logits",
    "find_backbone",
    "fitted",
    "last_linear",
    "load_model",
    "load_weights",
    "plain_name",
    "read_elsewhere",
    "read_weights",
    "save_weights",
    "set_normalisation",
    "weights_for",
]
