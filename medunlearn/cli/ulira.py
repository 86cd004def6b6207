"""`medunlearn ulira`: attacks a method with shadow models that have learned and unlearned different images."""

import json
from argparse import RawDescriptionHelpFormatter

from medunlearn.cli.parser import CommandParser
from medunlearn.cli.screen import show
from medunlearn.cli.studies import Outcomes, add_study_options, study_plan
from medunlearn.files import output_folder, write_whole, writing_to

EPILOG = """The configs, or a plan, name an original, methods that start from it, and optionally a Retrain, which shows
what the attack finds when there is nothing to find. Each shadow original is trained on a random half of the training
set, and from it each method unlearns D forget sets of T images, whatever its config forgets. Other options, such as
`--data.file F.npz` or `--trainer.max_epochs 3`, go to every stage: there are N (1 + D M) for M methods and Retrains.
If it is interrupted, the same command continues; with a larger N it adds shadows. docs/audits/ulira.md says how to
read the table.

examples:
  medunlearn ulira demo --originals 8 --draws 2 --targets 10 --out runs/ulira_demo
  medunlearn ulira train_ours.yaml salun_ours.yaml --originals 64 --draws 10 --targets 100 --out runs/ulira
"""


def ulira(argv: list[str]) -> int:
    """Run `medunlearn ulira CONFIG... [options]` and return its exit status: 0 where every stage is finished, else 1.

    Args:
        argv: The configs or a plan, the options of the study, and those that go to every stage.

    Raises:
        InputError: If the study cannot be run, before anything is.
    """
    parser = _parser()
    parsed, plan = study_plan(argv, parser, "`medunlearn ulira demo`")
    from medunlearn.ulira.folder import Folder  # imports torch, which `--help` avoids
    from medunlearn.ulira.study import Study
    from medunlearn.ulira.table import table

    folder, outcomes = Folder(output_folder(parsed.out)), Outcomes()
    study = Study(folder, parsed.originals, parsed.draws, parsed.targets, parsed.seed)
    with outcomes.runner(parsed.engine, parser) as runner:
        if parsed.dry_run:
            shadows, _ = study.planned(plan, runner.fit)
            print("\n".join(stage.command for stage in shadows.all()))
            return 0
        rows = study.run(plan, runner)
    if rows:
        text = table(rows)
        with writing_to(folder.path):
            write_whole(folder.table, f"{text}\n".encode())
            write_whole(folder.figures, (json.dumps({**study.described(), "rows": rows}, indent=2) + "\n").encode())
        show(f"\n{text}\nWritten to {folder.path}: {folder.table.name}, {folder.figures.name}")
    return outcomes.status()


def _parser() -> CommandParser:
    parser = CommandParser(
        "medunlearn ulira CONFIG...",
        description="Train shadow models on halves of the training set, unlearn images from each, and attack: can "
        "forgotten images be distinguished from ones never seen (U-LiRA)?",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add_study_options(parser, "runs/ulira")
    parser.add_argument("--originals", type=int, default=16, metavar="N", help="shadow originals, an even number")
    parser.add_argument("--draws", type=int, default=4, metavar="D", help="forget sets of each original")
    parser.add_argument("--targets", type=int, default=50, metavar="T", help="images in each forget set")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the images of each model")
    parser.add_argument("--dry_run", action="store_true", help="print the commands in order, one per line, and stop")
    return parser
