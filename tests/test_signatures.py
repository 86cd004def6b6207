"""Arguments that a class does not take are refused in one line where it is built from Python."""

import pytest
from helpers.backbones import TINY

import medunlearn
from medunlearn.contracts import KeepsArguments
from medunlearn.errors import InputError
from medunlearn.plugins import built_ins


@pytest.mark.parametrize(
    ("build", "line"),
    [
        (
            lambda: medunlearn.SalUn(4, original="t", learning_rate=0.1),
            "learning_rate: SalUn .*; did you mean lr[?] It",
        ),
        (lambda: medunlearn.SalUn(4, original="t", lrr=0.1), "lrr: SalUn has no such argument; did you mean lr[?] It"),
        (
            lambda: medunlearn.Train(4, original="t"),
            "original: Train has no such argument; It takes num_classes, in_ch",
        ),
        (lambda: medunlearn.MedMNISTDataModule(file="a", batchsize=3), "batchsize: .*; did you mean batch_size[?] It "),
        (lambda: medunlearn.UnlearningMetrics(features="prob"), "features: .*; did you mean feature[?] It takes every"),
    ],
)
def test_an_unknown_argument_is_refused_in_one_line_with_the_ones_there_are(build, line):
    with pytest.raises(InputError, match=line):
        build()


def test_an_argument_of_any_base_is_taken_by_every_method():
    for each in built_ins("methods"):
        kind = each.load()
        more = {"original": "t"} if issubclass(kind, medunlearn.Unlearner) else {}
        more |= {"weights": "w.pt"} if kind is medunlearn.Pretrained else {}
        assert kind(num_classes=4, backbone=TINY, weight_decay=0.1, **more).weight_decay == 0.1, each.name


class Base(KeepsArguments):
    """Takes one argument."""

    def __init__(self, lr=0.1):
        self.lr = lr


class Pops(Base):
    """Takes an argument out of its `**kwargs`."""

    def __init__(self, **more):
        self.own = more.pop("own", 0)
        super().__init__(**more)


class Keeps(Base):
    """Keeps its `**kwargs`."""

    def __init__(self, **more):
        self.more = more
        super().__init__()


class Ignores(Base):
    """Does nothing with its `**kwargs`."""

    def __init__(self, **more):
        super().__init__()


def test_a_class_that_reads_its_kwargs_itself_is_left_to_python():
    assert Pops(own=3, lr=0.2).own == 3
    assert Keeps(other=4).more == {"other": 4}
    assert Ignores(other=4).lr == 0.1
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        Pops(other=4)
