from medunlearn.methods.classifier import Classifier


class Retrain(Classifier):
    """The gold standard: trained from scratch by the same recipe, on the retain set alone.

    No image and no label of the forget set reaches it, so its weights do not depend on them.
    """

    training_part = "retain"
