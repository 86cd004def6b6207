import subprocess
import sys
from xml.etree import ElementTree

import matplotlib
from helpers.fake_runs import chain, write


def test_figures_are_drawn_as_png_and_svg():
    train, retrain, salun = chain()
    out = write(train, retrain, salun)
    names = {path.stem for path in out.glob("*.png")}
    kinds = ("gap_by_preset", "time", "probabilities", "classes", "curves", "weights")
    assert all(any(name.startswith(kind) for name in names) for kind in kinds)
    assert names == {path.stem for path in out.glob("*.svg")}
    for path in out.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
        assert f"({path.name})" in (out / "report.md").read_text()
    for path in out.glob("*.svg"):
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
    weights = (out / next(f"{name}.svg" for name in names if name.startswith("weights"))).read_text()
    assert "layer4.1.conv2" in weights


def test_figures_leave_matplotlibs_own_settings_alone():
    code = "import matplotlib; before = dict(matplotlib.rcParams); import medunlearn.report.figures"
    subprocess.run([sys.executable, "-c", f"{code}; assert dict(matplotlib.rcParams) == before"], check=True)
    before = dict(matplotlib.rcParams)
    write(*chain())
    assert dict(matplotlib.rcParams) == before
