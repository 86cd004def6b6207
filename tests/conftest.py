import gc

gc.disable()  # until all tests are imported; see pytest_collection_finish

import os
import sys
from pathlib import Path

import pytest

# One thread for each test process and for those that it starts: threads of several at once wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# So that processes that a test starts find the small network too.
os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])


def pytest_configure(config: pytest.Config) -> None:
    """Add the fixtures where tests are run: the process that hands them to others needs none, and is ready earlier."""
    if not config.getoption("numprocesses", None):
        config.pluginmanager.import_plugin("helpers.fixtures")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process run the tests that share what a fixture makes for their module: each would make it again."""
    for item in items:
        fixtures = item._fixtureinfo.name2fixturedefs.values()
        if any(each[-1].scope == "module" for each in fixtures) and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))


def pytest_collection_finish() -> None:
    """Leave what is imported out of every later search for unreachable objects: it stays until the process ends.

    To search it as it comes, every now and then in the tests, and at the end takes as long as importing it.
    """
    # A test that writes a module twice within a second would import the first one's compiled form.
    sys.dont_write_bytecode = True
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # by default a search after 700 new objects, of which a parser alone has more
    gc.enable()


def pytest_sessionfinish() -> None:
    gc.freeze()  # also in the process that hands out the tests, which has collected none
