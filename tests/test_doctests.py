"""Examples in docstrings, run; every public name of `metrics/`, and every public function of `report/`, has one."""

import doctest
import inspect
from importlib import import_module

import pytest
from test_imports import modules

EXEMPLARY = ("metrics", "report")
"""Parts of the package in which each public function shows an example."""

ALSO_CLASSES = ("metrics",)
"""Those in which each public class and method does so too."""

WITH_EXAMPLES = [name for name, path in modules().items() if ">>> " in path.read_text()]


def public(module):
    """Yield the public functions, classes and methods that a module defines."""
    for name, found in vars(module).items():
        if not name.startswith("_") and getattr(found, "__module__", None) == module.__name__ and callable(found):
            yield f"{module.__name__}.{name}", found
            for method, inner in vars(found).items() if inspect.isclass(found) else ():
                inner = getattr(inner, "__func__", inner)
                if not method.startswith("_") and inspect.isfunction(inner):
                    yield f"{module.__name__}.{name}.{method}", inner


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_of_a_module_give_what_they_show(name):
    outcome = doctest.testmod(import_module(name), raise_on_error=False)
    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.parametrize(
    "name", [name for name in modules() if name.split(".")[1:2] and name.split(".")[1] in EXEMPLARY]
)
def test_examples_stand_in_each_public_function_and_class(name):
    classes = name.split(".")[1] in ALSO_CLASSES
    shown = [
        (path, each) for path, each in public(import_module(name)) if classes or path.count(".") == name.count(".") + 1
    ]
    shown = [(path, each) for path, each in shown if classes or not inspect.isclass(each)]
    without = [path for path, found in shown if ">>> " not in (inspect.getdoc(found) or "")]
    assert not without
