"""Train and Retrain: what their roles and draws say. (What they see in a run: `test_invariants.py`.)"""

from helpers.backbones import TINY

from medunlearn.methods import Classifier, Retrain, Train


def test_train_is_the_original_and_goes_through_every_image():
    method = Train(4, backbone=TINY)
    assert method.role == "original"
    assert {method.checked_images(epoch) for epoch in range(5)} == {"all"}
    assert (method.original, method.mask, method.facts(), method.penalty()) == (None, None, {}, None)


def test_train_has_the_recipe_of_falcao_and_cordeiro():
    method = Train(4, backbone=TINY)
    assert method.trainer_arguments == {"max_epochs": 200}
    assert (method.lr, method.momentum, method.weight_decay) == (0.1, 0.9, 5e-4)
    assert (method.lr_schedule, method.milestones, method.gamma) == ("step", (91, 136), 0.1)
    assert method.departures() == {"backbone": TINY}


def test_train_and_retrain_change_nothing_of_the_recipe():
    for method in (Train, Retrain):
        assert method.__init__ is Classifier.__init__
        assert method.trainer_arguments is Classifier.trainer_arguments
        assert method.losses is Classifier.losses
        assert method.targets is Classifier.targets
        assert method.configure_optimizers is Classifier.configure_optimizers
