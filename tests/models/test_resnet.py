import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from medunlearn.models import ResNet18


def reference(num_classes, in_channels=3, stem="cifar"):
    """torchvision's ResNet-18 with the stem replaced by hand."""
    model = resnet18(num_classes=num_classes)
    if stem == "cifar":
        model.conv1 = nn.Conv2d(in_channels, 64, 3, stride=1, padding=1, bias=False)
        model.maxpool = nn.Identity()
    else:
        model.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
    return model


def shapes(model):
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def images(count=2, channels=3, size=16):
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(0))


def stir(model):
    """Give the BatchNorms and biases, which start at 0 and 1, values of their own, so that none can go missing."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.ndim == 1:
                value += 0.5 * torch.rand(value.shape, generator=generator)
    return model.eval()


def test_names_and_shapes_are_torchvisions_except_for_the_cifar_stem():
    found, expected = shapes(ResNet18(1000)), shapes(resnet18())
    assert list(found) == list(expected)
    assert {name for name in found if found[name] != expected[name]} == {"conv1.weight"}
    assert found["conv1.weight"] == (64, 3, 3, 3)


def test_the_imagenet_stem_makes_the_network_torchvisions():
    model = ResNet18(1000, stem="imagenet")
    assert shapes(model) == shapes(resnet18())
    assert str(model.maxpool) == str(resnet18().maxpool)
    assert str(model.conv1) == str(resnet18().conv1)


@pytest.mark.parametrize("num_classes", [8, 11])
def test_the_classifier_has_as_many_classes_as_asked_for(num_classes):
    model = ResNet18(num_classes)
    assert model.fc.out_features == num_classes
    assert model.eval()(images()).shape == (2, num_classes)


@pytest.mark.parametrize("num_classes", [9, 10])
def test_parameter_count_is_torchvisions_with_the_stem_replaced(num_classes):
    expected = resnet18(num_classes=num_classes)
    smaller_stem = 64 * 3 * (7 * 7 - 3 * 3)
    assert parameters(ResNet18(num_classes)) == parameters(expected) - smaller_stem
    assert parameters(ResNet18(num_classes, stem="imagenet")) == parameters(expected)


@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
@pytest.mark.parametrize("in_channels", [1, 3])
def test_weights_in_torchvisions_resnet18_give_the_same_logits(stem, in_channels):
    found = stir(ResNet18(5, in_channels, stem))
    expected = reference(5, in_channels, stem).eval()
    expected.load_state_dict(found.state_dict())
    x = images(channels=in_channels)
    with torch.no_grad():
        logits = found(x)
        assert torch.equal(logits, expected((x - 0.5) / 0.5))
        assert not torch.allclose(logits, expected(x))
        assert not torch.allclose(logits[0], logits[1])


def test_the_normalisation_is_the_one_asked_for():
    plain, other = stir(ResNet18(5, mean=0.0, std=1.0)), ResNet18(5, mean=0.2, std=0.25).eval()
    other.load_state_dict(plain.state_dict())
    x = images()
    with torch.no_grad():
        assert torch.equal(other(x), plain((x - 0.2) / 0.25))


def test_images_are_left_as_they_are():
    x = images()
    before = x.clone()
    with torch.no_grad():
        stir(ResNet18(5))(x)
    assert torch.equal(x, before)


def test_gradients_reach_every_parameter():
    model = ResNet18(5)
    model(images()).sum().backward()
    without = [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()]
    assert without == []


@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
def test_the_stem_is_initialised_as_torchvisions_convolutions_are(stem):
    weight = ResNet18(2, 3, stem).conv1.weight
    fan_out = 64 * weight.shape[2] * weight.shape[3]
    assert weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.1)


def test_weights_are_the_same_for_the_same_seed():
    def seeded(seed):
        torch.manual_seed(seed)
        return ResNet18(2).state_dict()

    first, again, other = seeded(0), seeded(0), seeded(1)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])


@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
def test_the_architecture_says_how_to_build_it_again(stem):
    model = ResNet18(7, 1, stem)
    assert model.architecture == {"num_classes": 7, "in_channels": 1, "stem": stem, "mean": 0.5, "std": 0.5}
    assert shapes(ResNet18(**model.architecture)) == shapes(model)


def test_a_stem_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="stem=Cifar: choose one of cifar, imagenet"):
        ResNet18(10, stem="Cifar")
