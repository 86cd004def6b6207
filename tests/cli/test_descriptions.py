"""One line and a paper from a docstring."""

import sys

import pytest

from medunlearn.cli.descriptions import describe, images_and_epochs, stated
from medunlearn.plugins import Plugin

SOURCES = {
    "cited.py": 'class Method:\n    """A method (Doe et al., ICML 2023, Eq. 4): and more.\n\n    Text (2024)."""\n',
    "later.py": 'def method():\n    """Return the rest\n    of it.\n\n    (Doe & Roe 2023: 200 epochs), (Poe 1999)."""\n',  # noqa: E501
    "aliased.py": "from cited import Method as Other\n",
    "pack/__init__.py": "raise ImportError\n",
    "pack/inner.py": 'class Method:\n    """Inner."""\n',
    "bases.py": "class Base:\n  uses = ('forget',)\n  trainer_arguments: dict = {'max_epochs': 4}\n  made = 1 + 1\n",
    "stubbed/__init__.py": "raise ImportError\n",
    "stubbed/__init__.pyi": "from .part import Renamed\n",
    "stubbed/part/__init__.py": "from ..other import Base as Renamed\n",
    "stubbed/other.py": "from bases import Base\n",
    "methods.py": """
import medunlearn
import bases as b
import stubbed
from medunlearn import HeldOutTwins, Unlearner
class Near(b.Base):
    cost = (0.5, 0.25)
class Far(stubbed.Renamed):
    uses = ("retain",)
class Second(object, Near):
    pass
class Own(medunlearn.FineTune):
    trainer_arguments = {"max_epochs": 2}
class Twins(HeldOutTwins):
    pass
class Silent(Unlearner):
    pass
class Circle(Circle):
    pass
""",
}


@pytest.fixture(autouse=True)
def _modules(tmp_path, monkeypatch):
    for name, text in SOURCES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in ("cited", "later", "aliased"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("value", "line", "paper"),
    [
        ("cited:Method", "A method: and more", "Doe et al., ICML 2023"),
        ("later:method", "The rest of it", "Doe & Roe 2023"),
        ("aliased:Other", "A method: and more", "Doe et al., ICML 2023"),
        ("pack.inner:Method", "Inner", ""),
        (
            "medunlearn.methods.train:Train",
            "The original model: trained on the whole training set",
            "Falcao & Cordeiro 2025",
        ),
    ],
)
def test_description_is_the_first_line_and_the_paper(value, line, paper):
    assert describe(Plugin("methods", "name", value)) == (line, paper)


def test_description_imports_nothing_where_the_docstring_stands_in_the_source():
    describe(Plugin("methods", "name", "pack.inner:Method"))
    describe(Plugin("methods", "name", "cited:Method"))
    assert not {"pack", "cited"} & sys.modules.keys()


@pytest.mark.parametrize(
    ("method", "images", "epochs"),
    [
        ("methods:Near", "forget", "2.25"),
        ("methods:Far", "retain", ""),
        ("methods:Second", "forget", "2.25"),
        ("methods:Own", "retain", "1.8"),
        ("methods:Twins", "all, val", "5"),
        ("methods:Silent", "", ""),
        ("methods:Circle", "", ""),
        ("methods:Gone", "", ""),
        ("gone:Gone", "", ""),
    ],
)
def test_images_and_epochs_are_those_of_the_class_or_its_nearest_base(method, images, epochs):
    assert images_and_epochs(Plugin("methods", "name", method)) == (images, epochs)
    assert not {"methods", "bases", "stubbed"} & sys.modules.keys()


def test_stated_is_none_where_the_source_has_no_value():
    assert stated(Plugin("methods", "name", "bases:Base"), "made") is None
    assert stated(Plugin("methods", "name", "bases:Base"), "nothing") is None
