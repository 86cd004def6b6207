"""What must hold before a run trains, beside the refusals in test_run_record.py and test_fitting.py."""

from types import SimpleNamespace

import pytest
import torch

from medunlearn.callbacks.before_fit import check_batches, check_epochs, check_sizes, take_up_seed
from medunlearn.errors import InputError
from medunlearn.methods import SalUn, Train
from medunlearn.runs import RunDir

DATA = SimpleNamespace(num_classes=8, in_channels=3, image_size=28)


def method(**architecture):
    built = {"num_classes": 8, "in_channels": 3} | architecture
    return SimpleNamespace(num_classes=built["num_classes"], backbone=SimpleNamespace(architecture=built))


@pytest.mark.parametrize(
    ("built", "says"),
    [
        ({"num_classes": 3}, "num_classes=3: the data have 8 classes; give num_classes=8, the data's num_classes"),
        ({"num_classes": 9}, "num_classes=9: the data have 8 classes"),
        ({"in_channels": 1}, "in_channels=1: the data's images have 3; give in_channels=3, the data's in_channels"),
        ({"image_size": 64}, "image_size=64: the data's images have 28; give image_size=28"),
    ],
)
def test_sizes_are_those_of_the_data(built, says):
    check_sizes(method(), DATA)
    check_sizes(method(image_size=28), DATA)
    with pytest.raises(InputError) as caught:
        check_sizes(method(**built), DATA)
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize(("smallest", "processes", "last_map"), [(2, 1, 1), (1, 1, 2), (4, 2, 1)])
def test_batches_of_two_images_or_two_pixels_will_do(smallest, processes, last_map):
    check_batches(smallest, processes, 32, 8, last_map)


@pytest.mark.parametrize(("smallest", "processes"), [(1, 1), (3, 2)])
def test_batches_of_one_value_are_refused(smallest, processes):
    with pytest.raises(InputError, match=rf"^batch_size=32: it leaves {smallest} of the images for the smallest"):
        check_batches(smallest, processes, 32, 8, 1)


@pytest.mark.parametrize(("kind", "epochs"), [(Train, 200), (SalUn, 10)])
def test_epochs_of_lightning_are_refused_with_the_methods_own(kind, epochs):
    built = kind.__new__(kind)
    with pytest.raises(InputError, match=rf"max_epochs=1000: .* give `Trainer\(max_epochs={epochs}\)`"):
        check_epochs(SimpleNamespace(max_epochs=1000, max_steps=-1), built)
    check_epochs(SimpleNamespace(max_epochs=999, max_steps=-1), built)
    check_epochs(SimpleNamespace(max_epochs=1000, max_steps=50), built)


def test_seed_of_a_resumed_run_is_taken_up_where_none_is_set():
    run, data = RunDir("r"), SimpleNamespace(seed=5)
    run.path.mkdir()
    run.config.write_text("seed_everything: 77\n")
    torch.manual_seed(3)
    take_up_seed(run, data)
    assert data.seed == 5
    torch.manual_seed(2**40)  # as PyTorch itself chooses
    take_up_seed(run, data)
    assert data.seed == 77
