"""Refusals of `medunlearn.audit`, with inputs that reach them."""

from helpers.audited import family, run

from medunlearn.audit import Settings


def command(*argv, retrains=1):
    def call(at):
        family(retrains)
        return at.command("audit", *argv)

    return call


def own_of(change):
    def call(at):
        family(1)
        change(at)
        return at.command("audit", "runs/own", "--out", "out")

    return call


def against_another(at):
    family(1)
    run("runs/other", "Retrain", 30, forgotten=[1, 2])
    return at.command("audit", "runs/own", "--against", "runs/other")


ROWS = [
    (lambda at: at.command("audit"), "audit: no run directories given; name some, as in `medunlearn audit runs/…`"),
    (command("runs/train"), "audit: none of the runs has unlearned; name one that started from an original"),
    (command("runs/own", "--against", "runs/train"), "against=runs/train: its model has seen the forget set; …"),
    (lambda at: Settings(nonmembers="train"), "nonmembers=train: choose one of test, val"),
    (lambda at: Settings(draws=0), "draws=0: give a number from 1 to 100000"),
    (lambda at: Settings(seed=-1), "seed=-1: give a whole number of 0 or more"),
    (own_of(lambda at: at.write("out")), "out=out: is a file; name a directory"),
    (own_of(lambda at: at.denied("mkdir")), "out=out: cannot be written (Permission denied); …"),
]
