"""What the README shows is run as it stands there."""

import re
from pathlib import Path

from helpers.runs import QUIET, write_npz

from medunlearn.__main__ import main
from medunlearn.runs import RunDir

TEXT = (Path(__file__).parents[1] / "README.md").read_text()


def blocks(section: str, language: str) -> list[str]:
    """Return the code of one language in a section."""
    return re.findall(rf"```{language}\n(.*?)```", TEXT.split(f"## {section}\n")[1].split("\n## ")[0], re.DOTALL)


def test_a_method_of_ones_own(fit, monkeypatch):
    monkeypatch.syspath_prepend(str(Path.cwd()))
    (code,), (config,) = blocks("A method of your own", "python"), blocks("A method of your own", "yaml")
    Path("finetune.py").write_text(code)
    Path("finetune.yaml").write_text(config)
    fit("Train", "runs/demo/train", backbone="resnet18")
    fit("Retrain", "runs/demo/retrain", "--data.forget.rate=0.1", backbone="resnet18")
    tiny = [f"--data.file={write_npz(Path('tiny.npz'))}", "--data.batch_size=8", *QUIET]
    assert main(["fit", "--config=finetune.yaml", *tiny, "--model.init_args.lr=0"]) == 0
    metrics = RunDir("runs/demo/finetune").read_metrics("run")
    assert metrics["method"] == "Finetune"
    assert metrics["original"] == "runs/demo/train"
    assert metrics["trained_on"] == "retain"
    assert metrics["AG"] is not None
    before, after = (RunDir(f"runs/demo/{name}") for name in ("train", "finetune"))
    from medunlearn import load_model

    same = zip(load_model(before.path).parameters(), load_model(after.path).parameters(), strict=True)
    assert all(old.equal(new) for old, new in same), "it begins with the original's weights"
