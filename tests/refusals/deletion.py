"""Refusals of `medunlearn.deletion` and of `medunlearn forget`, with inputs that reach them."""

from helpers.runs import QUIET

import medunlearn.plans.engines as engines

EXAMPLE = "`medunlearn forget --from runs/clinic --groups P0017 --run_dir runs/request_1`"
WORDS = ("forget", "--from", "t", "--run_dir", "q")
RATE = (*WORDS, "--rate", "0.25")
GOES_ON = "and says why above; fix that, and the same command goes on"


def forget(*options, words=RATE):
    """Run the command on a copy of the tiny Train."""

    def call(at):
        at.take("t")
        return at.command(*words, *options)

    return call


def failing(trials):
    """Run it where stages fail."""

    def call(at):
        at.take("t")
        at.patch.setattr(engines, "run_process", lambda argv, environment: 1)
        return at.command(*RATE, "--trials", str(trials), *QUIET)

    return call


def stopped(at):
    """Run it where each trial is stopped before its end."""
    at.take("t")
    at.patch.setattr("medunlearn.deletion.answering.chosen", lambda rows, select: None)
    at.patch.setattr("medunlearn.deletion.answering.write_all", lambda study, rows: [])
    at.patch.setattr("medunlearn.tuning.study.Study.run", lambda *arguments: iter(()))
    return at.command(*RATE, "--trials", "1", *QUIET)


def answered(at):
    """Ask for something else where a request is being answered."""
    at.take("t")
    at.write("q/request.yaml", "run_dir: q\nseed_everything: 3\n")
    return at.command(*RATE, "--trials", "0")


def answered_by_another_number(at):
    """Ask again, with another number of trials than the answer took."""
    at.take("t")
    at.write("q/trials/trial_000/config.yaml", "")
    at.write("q/metrics.json", "{}")
    return at.command(*RATE)


def no_method(at):
    at.take("t")
    at.write("own.yaml", "run_dir: q\n")
    return at.command(*RATE, "--config", "own.yaml")


def of_weights(*options, fails=False):
    """Run the command on a file of weights."""

    def call(at):
        at.npz()
        at.write("w.pt", "no weights")
        if fails:
            at.patch.setattr(engines, "run_process", lambda argv, environment: 1)
        return at.command("forget", "--from", "w.pt", "--run_dir", "q", "--rate", "0.25", *options)

    return call


ROWS = [
    (
        of_weights(),
        "from=w.pt: is a file of weights, which knows no images; give them by --data.file, or --data.dataset",
    ),
    (
        of_weights("--dry_run"),
        "from=w.pt: --dry_run needs a run; make one from the weights first with `medunlearn fit --model Pretrained`",
    ),
    (of_weights("--data.file=d.npz", fails=True), "from=w.pt: failed (exit status 1), and says why above"),
    (
        forget("--backbone", "resnet18"),
        "backbone=resnet18: goes with a file of weights; a run knows its own network",
    ),
    (lambda at: at.command("forget"), f"forget: no --from given; name it, as in {EXAMPLE}"),
    (forget(words=WORDS), f"forget: nothing is named that is to be forgotten; give --groups, as in {EXAMPLE}"),
    (forget("--trials", "-2"), "trials=-2: give a whole number of 0 or more"),
    (
        forget("--group", "P1", words=WORDS),
        "--group P1: no such option; did you mean --groups? `medunlearn forget --help` lists the options, "
        "`medunlearn fit --help` those of stages",
    ),
    (
        forget("--data.forget.seed=1"),
        "--data.forget.seed: the request names what is to be forgotten; give --groups, --indices, --classes or --rate",
    ),
    (
        forget(words=("forget", "--from", "t", "--run_dir", "t", "--rate", "0.5")),
        "run_dir=t: is the run that is to forget; name another run_dir",
    ),
    (forget("--method", "Train"), "method=Train: no config ships with it; give one of your own by --config"),
    (no_method, "config=own.yaml: names no method; write `model: {class_path: NAME}`"),
    (
        answered,
        "run_dir=q: another request is answered there (its …differs, see q/request.yaml); name another run_dir, or "
        "give --overwrite true to delete it",
    ),
    (
        answered_by_another_number,
        "trials=6: q was answered after 1 trial; give `--trials 1` to see that answer, or `--overwrite true` to answer "
        "it again",
    ),
    (failing(trials=0), f"run_dir=q: failed (exit status 1), {GOES_ON}"),
    (stopped, "trials=1: none has finished, and each says why above; give --trials 0 for the recipe"),
]
