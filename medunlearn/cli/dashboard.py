"""Creates a Weights & Biases workspace for unlearning runs."""

from argparse import RawDescriptionHelpFormatter
from typing import Any

from medunlearn.cli.parser import CommandParser
from medunlearn.errors import InputError
from medunlearn.metrics import GAP_METRICS

NAME = "medunlearn"


def dashboard(options: list[str]) -> int:
    """Run `medunlearn dashboard --entity E --project P` and return its exit status.

    Raises:
        InputError: If the extra is not installed, the user is not logged in, or the service rejects the workspace.
    """
    given = _parser().parse_args(options)
    try:
        workspace = layout(given.entity, given.project)
    except ImportError as error:
        problem = "is not installed" if error.name == "wandb_workspaces" else f"cannot be imported ({error})"
        raise InputError(
            f"dashboard: W&B's workspace library {problem}; install it with `pip install 'medunlearn[dashboard]'`"
        ) from None
    _check_login()
    try:
        workspace.save()
    except Exception as error:  # the service may raise any error
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"entity={given.entity}: Weights & Biases rejected the workspace for project {given.project} "
            f"({reason}); check both names and your access"
        ) from None
    print(f"Workspace saved: {workspace.url}")
    return 0


def _parser() -> CommandParser:
    parser = CommandParser(
        "medunlearn dashboard",
        description="Lay out a Weights & Biases workspace for the runs of a project: UA, RA, TA, MIA, AG and RTE, the "
        "gap by method, the curves.",
        epilog="examples:\n  medunlearn dashboard --entity my_team --project medunlearn",
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--entity", required=True, help="the user or team that owns the project")
    parser.add_argument("--project", default="medunlearn", help="the project that the runs are in (medunlearn)")
    return parser


def layout(entity: str, project: str) -> Any:
    """Return the workspace, not yet sent.

    Args:
        entity: The user or team that owns the project.
        project: The project that the runs are in.

    Raises:
        ImportError: If `wandb-workspaces` is not installed.
    """
    import wandb_workspaces.workspaces as ws

    return ws.Workspace(
        entity=entity,
        project=project,
        name=NAME,
        sections=[ws.Section(name=name, panels=panels, is_open=True) for name, panels in _panels().items()],
    )


def _panels() -> dict[str, list[Any]]:
    """Return the charts of each section."""
    import wandb_workspaces.reports.v2 as wr

    return {
        "How close to retraining": [
            _bars("AG", "AG: Average Gap to Retrain (points, lower is better)"),
            _bars("RTE", "RTE (minutes)"),
            *(_bars(metric, f"{metric} (%): closer to Retrain is better") for metric in GAP_METRICS),
        ],
        "Gap by method": [
            _bars("AG", "AG by method", groupby="method"),
            wr.ScatterPlot(title="run time against gap", x="RTE", y="AG"),
            _bars("validation/AG", "AG on the validation set: what settings may be chosen by"),
        ],
        "Curves": [_by_epoch(f"unlearning/{metric}", f"{metric} (%) by epoch") for metric in ("UA", "RA", "TA")],
        "Training": [
            _by_epoch("train/loss_epoch", "training loss"),
            _by_epoch("val/accuracy", "validation accuracy"),
            _by_epoch("val/loss", "validation loss"),
        ],
    }


def _bars(metric: str, title: str, **options: Any) -> Any:
    import wandb_workspaces.reports.v2 as wr

    return wr.BarPlot(title=title, metrics=[metric], orientation="h", **options)


def _by_epoch(metric: str, title: str) -> Any:
    import wandb_workspaces.reports.v2 as wr

    return wr.LinePlot(title=title, x="epoch", y=[metric])


def _check_login() -> None:
    """Reject a missing login instead of prompting for one."""
    import wandb

    try:
        found = wandb.login(prompt=False)
    except Exception as error:  # a malformed key, or no service
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"dashboard: Weights & Biases rejected your login ({reason}); run `wandb login --relogin` first"
        ) from None
    if not found:
        raise InputError("dashboard: you are not logged in to Weights & Biases; run `wandb login` first")
