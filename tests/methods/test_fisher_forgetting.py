"""Fisher forgetting, against NumPy on a linear model."""

import json

import numpy as np
import pytest
import torch
from helpers.backbones import LINEAR, TEN, TenNet
from helpers.bare import state, train, untrained
from helpers.linear_gradients import data, gradients, parameters, probabilities
from helpers.runs import same, weights, write_npz

from medunlearn.methods.fisher_forgetting import drawn_labels, noise_scale

FORGET = "--data.forget.rate=0.25"
EXACT = ("--trainer.precision=32-true", "--trainer.deterministic=true")


@pytest.fixture
def noisy(fit):
    """Return a function that adds noise to one trained model, and the run of that model."""
    original = fit.once("Train", "t", "--model.init_args.lr=0.003", epochs=4, backbone=LINEAR)

    def run(name, *options, seed=0, **kwargs):
        options = [f"--model.init_args.{option}" for option in ("original=t", *options)]
        return fit(
            "FisherForgetting",
            name,
            FORGET,
            *EXACT,
            f"--seed_everything={seed}",
            *options,
            epochs=0,
            backbone=LINEAR,
            **kwargs,
        )

    return run, original


def fisher(theta, features, labels, forget):
    """Return F over the retained images, of all labels by their probability."""
    found = 0
    for label, probs in enumerate(probabilities(theta, features[~forget]).T):
        found += probs @ gradients(theta, features[~forget], np.full((~forget).sum(), label)) ** 2
    return found / (~forget).sum()


def test_noise_has_mean_zero_and_the_variance_of_numpys_fisher(noisy, npz):
    run, original = noisy
    run = run("s", "labels=all", "alpha=1e-6", "largest=1")
    theta = parameters(original)
    scale = np.sqrt(1e-6 / fisher(theta, *data(npz, run)))
    drawn = (parameters(run) - theta) / scale
    generator = torch.Generator().manual_seed(0)
    wanted = [torch.randn(4, 192, generator=generator), torch.randn(4, generator=generator)]
    wanted = np.concatenate([value.numpy().ravel() for value in wanted])
    np.testing.assert_allclose(drawn, wanted, rtol=0.01, atol=0.01)
    assert abs(drawn.mean()) < 4 / np.sqrt(len(drawn))
    assert drawn.var() == pytest.approx(1, abs=4 * np.sqrt(2 / len(drawn)))


def test_noise_is_not_that_of_squared_batch_means(noisy, npz):
    """As in public code, whose F is too small and whose noise too large."""
    run, original = noisy
    run = run("s", "labels=all", "alpha=1e-6", "largest=1")
    theta, (features, labels, forget) = parameters(original), data(npz, run)
    public = np.sqrt(1e-6 / gradients(theta, features[~forget], labels[~forget]).mean(0) ** 2)
    drawn = (parameters(run) - theta) / public
    assert drawn.std() < 0.5


def test_noise_of_each_weight_is_that_of_its_own_fisher(tmp_path):
    """Public code averages F over a convolution's input channels, and scales the noise of some weights by ten.

    These are BatchNorm and the head, or whatever has a last dimension of 10: here all weights but the convolution's.
    """
    file = write_npz(tmp_path / "ten.npz", train_labels=np.arange(32)[:, None] % 10)
    original = untrained(tmp_path / "model.ckpt", TEN, 10)
    method = train("FisherForgetting", original, file, 0, backbone=TEN, labels="all", alpha=1e-6, largest=1.0)
    before, after = torch.load(original, weights_only=True)["state_dict"], state(method)
    net = TenNet(10).double().eval()
    net.load_state_dict(before)
    with np.load(file) as arrays:
        pixels = torch.from_numpy(arrays["train_images"]).permute(0, 3, 1, 2).double() / 255
    fisher = {name: torch.zeros_like(value) for name, value in net.named_parameters()}
    retained = np.setdiff1d(np.arange(32), method.datamodule.forget_indices)
    for logs in net((pixels[retained] - 0.5) / 0.5).log_softmax(1):
        for log in logs:
            found = torch.autograd.grad(-log, [*net.parameters()], retain_graph=True)
            for total, each in zip(fisher.values(), found, strict=True):
                total += log.exp().detach() * each**2 / len(retained)
    generator = torch.Generator().manual_seed(method.datamodule.seed)
    for name, value in fisher.items():
        noise = (1e-6 / value).sqrt().clamp(max=1) * torch.randn(value.shape, generator=generator)
        torch.testing.assert_close((after[name] - before[name]).double(), noise, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("option", ["alpha=0", "largest=0"])
def test_no_variance_is_the_identity(noisy, option):
    run, original = noisy
    assert same(weights(run("s", option)), weights(original))


def test_noise_is_that_of_the_seed(noisy):
    run, _ = noisy
    first = weights(run("a"))
    assert same(first, weights(run("b")))
    assert not same(first, weights(run("c", seed=1)))


@pytest.mark.parametrize("touched", ["forget", "retain"])
def test_noise_depends_on_retained_images_alone(noisy, fit, npz, tmp_path, touched):
    """The original's weights are the same; only the images that it is looked at with differ."""
    run, original = noisy
    first = run("a")
    _, _, forget = data(npz, first)
    with np.load(npz) as arrays:
        images = arrays["train_images"].copy()
    rows = forget if touched == "forget" else ~forget
    images[rows] = 255 - images[rows]
    other = write_npz(tmp_path / "other.npz", train_images=images)
    again = fit("Train", "t2", file=other, epochs=0, backbone=LINEAR)
    place = "checkpoints/model.ckpt"
    (again / place).write_bytes((original / place).read_bytes())
    written, wanted = (json.loads((each / "metrics.json").read_text()) for each in (again, original))
    written["files"][place] = wanted["files"][place]
    (again / "metrics.json").write_text(json.dumps(written))
    second = fit(
        "FisherForgetting", "s", FORGET, *EXACT, "--model.init_args.original=t2", file=other, epochs=0, backbone=LINEAR
    )
    assert same(weights(first), weights(second)) == (touched == "forget")


def test_labels_are_drawn_by_their_probabilities():
    probs = torch.tensor([[0.2, 0.5, 0.3]]).expand(30000, 3)
    uniform = torch.rand(30000, generator=torch.Generator().manual_seed(0))
    found = torch.bincount(drawn_labels(probs, uniform), minlength=3) / 30000
    torch.testing.assert_close(found, probs[0], atol=0.01, rtol=0)
    edges = drawn_labels(torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]]), torch.tensor([0.0, 0.9999999, 0.5]))
    assert edges.tolist() == [1, 0, 1]


def test_drawn_labels_give_all_labels_fisher_on_average():
    rng = np.random.default_rng(0)
    theta, features = rng.normal(size=4 * 5 + 4) * 0.5, np.hstack([rng.normal(size=(1, 5)), [[1.0]]])
    probs = probabilities(theta, features)
    wanted = sum(probs[0, k] * gradients(theta, features, np.array([k]))[0] ** 2 for k in range(4))
    uniform = torch.rand(20000, generator=torch.Generator().manual_seed(0))
    labels = drawn_labels(torch.from_numpy(probs).expand(20000, 4), uniform).numpy()
    found = (gradients(theta, np.repeat(features, 20000, 0), labels) ** 2).mean(0)
    np.testing.assert_allclose(found, wanted, rtol=0.1, atol=0.01 * wanted.max())


def test_scale_is_clamped_also_where_there_is_no_fisher():
    found = noise_scale(torch.tensor([4.0, 1e-12, 0.0], dtype=torch.float64), 1e-2, 0.5)
    assert found.tolist() == [0.05, 0.5, 0.5]
