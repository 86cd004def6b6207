"""The model that `load_model` returns knows its input."""

import copy
import io
import warnings

import numpy as np
import pytest
import torch
from helpers.backbones import TINY, TinyNet
from helpers.runs import write_npz
from torch.func import functional_call, vmap

from medunlearn import load_model
from medunlearn.errors import InputError
from medunlearn.models import Backbone, ImageFormat, ResNet18, save_weights
from medunlearn.models.images import ImageCheck, check_images

pytestmark = pytest.mark.usefixtures("tiny_resnet18")


@pytest.fixture
def file(tmp_path):
    torch.manual_seed(0)
    save_weights(ResNet18(3), tmp_path / "model.ckpt", images={"size": 8, "gray": True})
    return tmp_path / "model.ckpt"


@pytest.fixture
def model(file):
    return load_model(file)


@pytest.fixture
def images():
    return torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def quiet():
    """Let every warning be an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def bare(model):
    """Return the same model without its check."""
    other = ResNet18(3)
    other.load_state_dict(model.state_dict())
    return other.eval()


def test_model_says_what_it_was_trained_on(model):
    assert isinstance(model, Backbone)
    assert type(model) is ResNet18
    assert model.image_format == ImageFormat(num_classes=3, channels=3, size=8, gray=True, value_range=(0.0, 1.0))
    assert ResNet18(3).image_format is None


@pytest.mark.parametrize("as_rgb", [True, False])
def test_model_of_a_run_knows_its_images(fit, tmp_path, as_rgb):
    rng = np.random.default_rng(0)
    gray = {
        f"{part}_images": rng.integers(0, 256, (n, 8, 8), np.uint8)
        for part, n in zip(("train", "val", "test"), (32, 8, 12), strict=True)
    }
    run = fit("Train", "a", f"--data.as_rgb={as_rgb}", file=write_npz(tmp_path / "gray.npz", **gray), epochs=1)
    found = load_model(run, TINY).image_format
    assert found == ImageFormat(num_classes=4, channels=3 if as_rgb else 1, size=8, gray=True)
    coloured = load_model(fit.original("b", epochs=1), TinyNet).image_format
    assert coloured == ImageFormat(num_classes=4, channels=3, size=8, gray=False)


@pytest.mark.parametrize(
    "said", [None, 5, [], {}, {"size": "8", "gray": 1}, {"size": True}, {"size": -1}, {"size": 2**40}]
)
def test_what_a_file_does_not_say_is_unknown(tmp_path, said):
    save_weights(ResNet18(3), tmp_path / "model.ckpt", **({} if said is None else {"images": said}))
    assert load_model(tmp_path / "model.ckpt").image_format == ImageFormat(3, 3)


def test_float_images_in_range_have_the_logits_of_the_bare_network(model, images, quiet):
    for values in (images.float() / 255, (images.float() / 255).contiguous(memory_format=torch.channels_last)):
        assert torch.equal(model(values), bare(model)(values))


def test_uint8_images_are_scaled_as_in_a_run(model, images, quiet):
    assert torch.equal(model(images), bare(model)(images.float().div_(255)))
    assert images.dtype == torch.uint8


def test_uint8_images_are_scaled_to_the_type_that_a_model_computes_in(model, images):
    assert model.double()(images).dtype == torch.float64


@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, torch.int32, torch.int64, torch.bool])
def test_integers_other_than_uint8_are_refused(model, images, dtype):
    with pytest.raises(InputError) as error:
        model(images.to(dtype))
    name = str(dtype).removeprefix("torch.")
    assert str(error.value) == f"images={name}: give uint8 from 0 to 255, or float from 0 to 1"


@pytest.mark.parametrize(("scale", "shift", "says"), [(255, 0, "0 to 255"), (2, -1, "-1 to 1")])
def test_values_out_of_range_are_warned_of_once(model, scale, shift, says):
    values = torch.linspace(0, 1, 2 * 3 * 64).view(2, 3, 8, 8) * scale + shift
    with pytest.warns(UserWarning, match=f"values from {says}, but the model was trained on 0 to 1") as caught:
        logits = [model(values) for _ in range(3)]
    assert len(caught) == 1
    assert caught[0].filename == __file__, "where the model is called"
    assert all(torch.equal(each, bare(model)(values)) for each in logits)


def test_another_size_than_the_model_was_trained_on_is_warned_of_once(model):
    with pytest.warns(UserWarning, match="images: 16x16, but the model was trained on 8x8") as caught:
        _ = [model(torch.rand(1, 3, 16, 16)) for _ in range(2)]
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        (
            (2, 1, 8, 8),
            "the model takes (N, 3, H, W) and was trained on gray images as RGB (as_rgb); repeat the channel, "
            "as in images.expand(-1, 3, -1, -1)",
        ),
        ((2, 8, 8, 3), "the model takes (N, 3, H, W); put the channels first, as in images.permute(0, 3, 1, 2)"),
        ((3, 8, 8), "the model takes (N, 3, H, W); add the dimension of the batch, as in images.unsqueeze(0)"),
        (
            (8, 8, 3),
            "the model takes (N, 3, H, W); add the dimension of the batch, as in images.permute(2, 0, 1).unsqueeze(0)",
        ),
        ((8, 8), "the model takes (N, 3, H, W); give such images"),
        ((2, 4, 8, 8), "the model takes (N, 3, H, W); give such images"),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_images_of_another_shape_are_refused_with_the_remedy(model, shape, says, dtype):
    given = torch.zeros(shape, dtype=dtype)
    with pytest.raises(InputError) as error:
        model(given)
    assert str(error.value) == f"images={shape}: {says}"
    if "as in " in says:
        model(eval(says.partition("as in ")[2], {"images": given}))


def test_rgb_images_to_a_gray_model_are_refused(tmp_path):
    save_weights(ResNet18(3, in_channels=1), tmp_path / "model.ckpt")
    with pytest.raises(InputError, match=r"the model takes \(N, 1, H, W\) and was trained on gray images; give one"):
        load_model(tmp_path / "model.ckpt")(torch.rand(2, 3, 8, 8))


def test_what_is_no_tensor_is_refused(model, images):
    with pytest.raises(InputError, match=r"images=ndarray: give a torch\.Tensor"):
        model(images.numpy())


def test_images_by_name_and_no_images_are_as_they_were(model, images):
    assert torch.equal(model(x=images), model(images))
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        model()
    assert model(torch.zeros(0, 3, 8, 8)).shape == (0, 3)


def test_weights_keep_their_names_and_a_network_in_training_has_no_check(model):
    assert list(model.state_dict()) == list(ResNet18(3).state_dict())
    assert not ResNet18(3)._forward_pre_hooks
    assert len(model._forward_pre_hooks) == 1


def test_copies_and_pickles_check_too(model, images):
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    for other in (copy.deepcopy(model), torch.load(file, weights_only=False)):
        assert torch.equal(other(images), model(images))
        with pytest.raises(InputError):
            other(images.long())


def test_compiled_model_checks_shapes_and_scales_in_one_graph(model, images):
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    for values in (images, images.float() / 255):
        assert torch.equal(compiled(values), model(values))


def test_exported_and_traced_models_give_the_same_logits(model, images):
    values = images.float() / 255
    with torch.no_grad():
        expected = model(values)
        assert torch.equal(torch.export.export(model, (values,)).module()(values), expected)
        assert torch.equal(torch.jit.trace(model, values)(values), expected)


def test_model_goes_through_the_transforms_of_torch(model, images):
    values, state = images.float() / 255, dict(model.named_parameters()) | dict(model.named_buffers())
    with torch.no_grad():
        each = vmap(lambda image: functional_call(model, state, (image.unsqueeze(0),))[0])(values)
        torch.testing.assert_close(each, model(values), rtol=1e-4, atol=1e-5)
    assert model.to("meta")(values.to("meta")).shape == (2, 3)
    assert model.last_map(8) == 1


def test_check_leaves_calls_of_another_kind_to_the_model(images):
    class Two(torch.nn.Module):
        def forward(self, a, b):
            return a.float().sum() + b

    model = Two()
    check_images(model, ImageFormat(3, 3))
    assert model(images, 1) == model(images, b=1)
    assert isinstance(next(iter(model._forward_pre_hooks.values())), ImageCheck)


def test_images_in_float64_are_taken_as_numpy_gives_them(model, images, quiet):
    scaled = images.double() / 255
    assert torch.equal(model(scaled), bare(model)(scaled.float()))
