"""The data module: parts, batches of an epoch, and what it says of itself."""

from pathlib import Path

import numpy as np
import pytest
import torch

from medunlearn.contracts import Batch
from medunlearn.data import ForgetSpec, MedMNISTDataModule
from medunlearn.errors import InputError


@pytest.fixture
def module(npz):
    def build(**settings):
        torch.manual_seed(0)
        return MedMNISTDataModule(**{"file": npz, "batch_size": 8, "forget": ForgetSpec(rate=0.25)} | settings)

    return build


def rows(loader):
    return [batch.rows.tolist() for batch in loader]


def flat(loader):
    return [row for batch in rows(loader) for row in batch]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "data: no images named; set data.dataset, such as bloodmnist, or data.file"),
        ({"dataset": "bloodmnist", "num_classes": 8}, "num_classes=8: applies to data.file only; bloodmnist has"),
        ({"dataset": "bloodmnst"}, "bloodmnst"),
        ({"dataset": "bloodmnist", "size": 32}, "32"),
        ({"dataset": "bloodmnist", "batch_size": 0}, "batch_size=0"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_when_the_data_module_is_built(settings, message):
    with pytest.raises(InputError) as error:
        MedMNISTDataModule(**settings)
    assert message in str(error.value)


def test_official_data_is_described_before_it_is_downloaded():
    data = MedMNISTDataModule(dataset="bloodmnist", size=128, download=False)
    assert (data.num_classes, data.in_channels, data.image_size) == (8, 3, 128)
    assert not Path("data").exists()


def test_forget_and_retain_set_make_up_the_training_set(module, npz):
    data = module()
    assert len(data.forget_indices) == 8
    assert sorted([*data.forget_indices, *data.retain_indices]) == list(range(32))
    with np.load(npz) as arrays:
        chosen = module(forget=ForgetSpec(classes=[2]))
        assert chosen.forget_indices.tolist() == np.flatnonzero(arrays["train_labels"][:, 0] == 2).tolist()


def test_forget_set_may_be_given_as_a_mapping(module):
    assert module(forget={"rate": 0.25}).forget_indices.tolist() == module().forget_indices.tolist()


def test_split_record_ties_runs_of_one_forget_set_together(module):
    first, again, other = module(), module(), module(forget=ForgetSpec(rate=0.25, seed=1))
    assert first.split_record() == again.split_record()
    assert first.split_record()["data_sha256"] == other.split_record()["data_sha256"]
    assert first.split_record()["sha256"] != other.split_record()["sha256"]
    record = other.split_record()
    assert (record["indices"], record["seed"], record["train_size"]) == (other.forget_indices.tolist(), 1, 32)


def test_evaluation_shows_every_image_once_in_order_and_as_it_is(module, npz):
    data = module(augmentation="Default+RandAugment")
    with np.load(npz) as arrays:
        for part, loader in data.evaluation_dataloaders().items():
            split = part if part in ("test", "val") else "train"
            expected = {"forget": data.forget_indices, "retain": data.retain_indices}
            wanted = expected.get(part, np.arange(len(arrays[f"{split}_images"])))
            assert flat(loader) == wanted.tolist(), part
            (batch,) = loader
            shown = data.on_after_batch_transfer(batch).images.permute(0, 2, 3, 1).numpy()
            np.testing.assert_allclose(shown, arrays[f"{split}_images"][wanted] / 255, atol=1e-6)
            assert batch.forget.all() == (part == "forget")


def test_a_part_is_augmented_on_request_alone(module):
    data = module()
    assert next(iter(data.part_dataloader("retain"))).draws is None
    assert next(iter(data.part_dataloader("retain", "Default"))).draws is not None
    with pytest.raises(InputError, match="part='test': unknown; choose one of retain, forget, val"):
        data.part_dataloader("test")


@pytest.mark.parametrize(
    ("draw", "steps", "smallest"), [("all", 4, 8), ("retain", 3, 8), ("forget", 1, 8), ("forget_then_retain", 4, 8)]
)
def test_an_epoch_goes_through_the_images_of_its_draw_once(module, draw, steps, smallest):
    data = module()
    data.train_on(lambda epoch: draw)
    forget, retain = data.forget_indices.tolist(), data.retain_indices.tolist()
    wanted = {"all": [*forget, *retain], "retain": retain, "forget": forget, "forget_then_retain": [*forget, *retain]}
    batches = rows(data.train_dataloader())
    assert sorted(row for batch in batches for row in batch) == sorted(wanted[draw])
    assert len(batches) == data.steps(0) == steps
    assert data.smallest_batch() == smallest
    if draw == "forget_then_retain":
        assert sorted(batches[0]) == forget


def test_steps_follow_the_draw_of_each_epoch_and_smallest_batch_all_of_them(module):
    data = module(batch_size=5)
    data.train_on(lambda epoch: "forget" if epoch == 0 else "retain", epochs=2)
    assert [data.steps(epoch) for epoch in (0, 1, 2)] == [2, 5, 5]
    assert data.smallest_batch() == 3, "8 forgotten images are 5 and 3, 24 retained ones 4 x 5 and 4"


def test_a_draw_that_needs_a_forget_set_is_refused_without_one(module):
    data = module(forget=ForgetSpec())
    data.train_on(lambda epoch: "all")
    with pytest.raises(InputError, match=r"^forget: this method needs a forget set and none is named"):
        data.train_on(lambda epoch: "all" if epoch == 0 else "retain", epochs=2)
    with pytest.raises(InputError, match=r"data\.forget"):
        data.require_forget_set()


def test_statistics_come_from_the_retain_set_in_batches_of_nearly_equal_size(module):
    data = module(batch_size=10)
    batches = rows(data.statistics_dataloader())
    assert list(map(len, batches)) == [8, 8, 8], "not 10, 10 and 4"
    assert [row for batch in batches for row in batch] == data.retain_indices.tolist()


@pytest.mark.parametrize(("preset", "drawn"), [("NoAug", False), ("Default", True)])
def test_statistics_come_from_images_augmented_as_in_training(module, preset, drawn):
    data = module(augmentation=preset)
    assert {batch.draws is not None for batch in data.statistics_dataloader()} == {drawn}
    assert {batch.draws is not None for batch in data.train_dataloader()} == {drawn}


@pytest.mark.parametrize(("as_rgb", "channels"), [(True, 3), (False, 1)])
def test_gray_images_are_repeated_on_request(module, as_rgb, channels):
    from helpers.runs import write_npz

    gray = {f"{name}_images": np.full((n, 8, 8), 51, np.uint8) for name, n in (("train", 32), ("val", 8), ("test", 12))}
    data = module(file=write_npz(Path("gray.npz"), **gray), as_rgb=as_rgb)
    assert data.in_channels == channels
    (batch,) = data.test_dataloader()
    shown = data.on_after_batch_transfer(batch)
    assert isinstance(shown, Batch)
    assert shown.images.shape == (12, channels, 8, 8)
    assert torch.allclose(shown.images, torch.tensor(0.2))


def test_without_test_images_their_arrays_are_not_needed_and_the_training_is_the_same(module, npz):
    arrays = dict(np.load(npz))
    np.savez("untested.npz", **{name: array for name, array in arrays.items() if not name.startswith("test")})
    with pytest.raises(InputError, match="no array test_images, test_labels; the file must hold"):
        module(file=Path("untested.npz")).setup()
    tested, untested = module(), module(file=Path("untested.npz"), test=False)
    assert flat(untested.test_dataloader()) == []
    assert {name: flat(loader) for name, loader in untested.evaluation_dataloaders().items() if name != "test"} == {
        name: flat(loader) for name, loader in tested.evaluation_dataloaders().items() if name != "test"
    }
    assert rows(untested.train_dataloader()) == rows(tested.train_dataloader())
    assert len(flat(tested.test_dataloader())) == 12
    one, other = tested.split_record(), untested.split_record()
    assert one["training_sha256"] == other["training_sha256"] == other["data_sha256"] != one["data_sha256"]
    assert one["indices"] == other["indices"]


@pytest.mark.parametrize("dataset", ["synthetic"])
def test_without_test_images_named_data_have_none(dataset):
    data = MedMNISTDataModule(dataset, size=28, test=False)
    assert len(data.data.test) == 0
    assert data.data.sha256 == data.data.training_sha256
