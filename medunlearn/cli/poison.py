"""`medunlearn poison`: adds noise to images, unlearns them, and tests whether each model still depends on the noise."""

from argparse import RawDescriptionHelpFormatter

from medunlearn.cli.parser import CommandParser
from medunlearn.cli.screen import show
from medunlearn.cli.studies import Outcomes, add_study_options, study_plan
from medunlearn.files import output_folder, write_whole, writing_to

EPILOG = """The configs, or a plan, name an original, a Retrain and methods of one forget set. Noise is added to the
forget set, every stage runs on the poisoned data in a run directory below the folder, and each finished run gets
`poison.json`: the exact test of Pawelczyk et al. (2025), which needs no Retrain and no further model. Other options,
such as `--data.file F.npz` or `--trainer.max_epochs 3`, go to every stage. If it is interrupted, the same command
continues. docs/audits/poison.md says how to read the table.

examples:
  medunlearn poison demo --out runs/poison_demo
  medunlearn poison train_ours.yaml retrain_ours.yaml salun_ours.yaml --data.file ours.npz --data.augmentation NoAug
"""


def poison(argv: list[str]) -> int:
    """Run `medunlearn poison CONFIG... [options]` and return its exit status: 0 where every stage is measured, else 1.

    Args:
        argv: The configs or a plan, the options of the study, and those that go to every stage.

    Raises:
        InputError: If the study cannot be run, before anything is.
    """
    parser = _parser()
    parsed, plan = study_plan(argv, parser, "`medunlearn poison demo`")
    from medunlearn.poisoning.poison import Folder  # imports torch, which `--help` avoids
    from medunlearn.poisoning.study import Study
    from medunlearn.poisoning.table import table

    folder, outcomes = Folder(output_folder(parsed.out)), Outcomes()
    study = Study(folder, parsed.scale, parsed.seed, parsed.draws)
    with outcomes.runner(parsed.engine, parser) as runner:
        found = study.run(plan, runner)
    if found:
        text = table(found)
        with writing_to(folder.path):
            write_whole(folder.table, f"{text}\n".encode())
        show(f"\n{text}\nWritten to {folder.path}: {folder.table.name}, and poison.json in each run directory")
    return outcomes.status()


def _parser() -> CommandParser:
    parser = CommandParser(
        "medunlearn poison CONFIG...",
        description="Add noise to the images of a forget set, train and unlearn, and test whether each model still "
        "depends on that noise: an exact p value from one model.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add_study_options(parser, "runs/poison", retrain_seeds="none of them may depend on the noise")
    parser.add_argument(
        "--scale", type=float, default=0.1, metavar="S", help="standard deviation of the noise; 1 is black to white"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the noise")
    parser.add_argument("--draws", type=int, default=199, metavar="R", help="fresh draws for the test by draws")
    return parser
