"""A run that gets a signal as a terminal sends it: to every process of its group."""

import os
import subprocess
import time

import medunlearn.methods.classifier as classifier
from medunlearn.__main__ import main


def run(argv):
    """Run a command in a group of its own, and send the group the signal that SIGNAL names at the second step."""
    os.setsid()
    step, calls = classifier.Classifier.training_step, []

    def counted(*args):
        calls.append(0)
        if len(calls) == 2:
            subprocess.run(["kill", "-s", os.environ["SIGNAL"], "--", f"-{os.getpgid(0)}"], start_new_session=True)
            time.sleep(0.5)
        return step(*args)

    classifier.Classifier.training_step = counted
    return main(argv)
