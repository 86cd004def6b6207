"""Training on every image, which gives the original model."""

from medunlearn.methods.classifier import Classifier


class Train(Classifier):
    """The original model: trained on the whole training set (Falcao & Cordeiro 2025: 200 epochs, lr 0.1, batch 256).

    A forget set may be named all the same; the run is then measured on it too.
    """
