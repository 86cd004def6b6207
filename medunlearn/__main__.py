import signal
import sys
from collections.abc import Sequence

from medunlearn.errors import InputError, Interrupted

COMMANDS = {
    "fit": "train, retrain or unlearn, measure it, and write a run directory",
    "validate": "measure a finished run's model on the validation set",
    "test": "measure a finished run's model on the test set",
    "predict": "write a finished run's class probabilities for a test set",
    "reproduce": "run a whole plan of stages in order and print the comparison",
    "report": "compare run directories: a table, or a whole report with figures",
    "dashboard": "lay out a Weights & Biases workspace for the runs of a project",
}

USAGE = """usage: medunlearn COMMAND [options]

Machine unlearning for medical image classifiers: train a model, retrain it without a forget set, unlearn the same set,
and measure how close unlearning came to retraining.

commands:
{commands}

examples:
  medunlearn reproduce demo
  medunlearn fit --config configs/salun_blood_10.yaml
  medunlearn report runs/train_blood runs/retrain_blood_10 runs/salun_blood_10

`medunlearn COMMAND --help` lists the options of a command; `medunlearn --version` tells the version.
"""


def main(args: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; the one entry for users, tests and documentation.

    Args:
        args: The command and its options; by default those of the process.
    """
    words = list(sys.argv[1:] if args is None else args)
    if not words or words[0] in ("-h", "--help"):
        print(USAGE.format(commands="\n".join(f"  {name:<10} {does}" for name, does in COMMANDS.items())), end="")
        return 0
    if words[0] == "--version":
        from importlib.metadata import version

        print(f"medunlearn {version('medunlearn')}")
        return 0
    try:
        return _run(words[0], words[1:])
    except InputError as error:
        print(f"medunlearn: error: {error}", file=sys.stderr)
        return 2
    except (Interrupted, KeyboardInterrupt) as end:
        interrupted = end if isinstance(end, Interrupted) else Interrupted(signal.SIGINT)
        print(f"medunlearn: {interrupted}", file=sys.stderr)
        return interrupted.status


def _run(command: str, options: list[str]) -> int:
    # Each command imports only what it needs: Lightning alone takes seconds.
    if command == "reproduce":
        from medunlearn.cli.reproduce import reproduce

        return reproduce(options)
    if command == "report":
        from medunlearn.cli.report import report

        return report(options)
    if command == "dashboard":
        from medunlearn.cli.dashboard import dashboard

        return dashboard(options)
    if command in COMMANDS:
        from medunlearn.cli.fit import run

        return run([command, *options])
    raise InputError(f"{command}: unknown command; choose one of {', '.join(COMMANDS)}")


if __name__ == "__main__":
    sys.exit(main())
