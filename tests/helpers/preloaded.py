"""What the server of `children` has imported, all that a run needs: no process that is forked imports it again.

Nor does one search it for unreachable objects, by which it would also copy the memory that it shares with the server.
"""

import gc

gc.disable()

import fsspec.implementations.chained  # noqa: F401
import sklearn.svm  # noqa: F401
import torch.utils.serialization  # noqa: F401
import torchmetrics.functional.classification  # noqa: F401

import medunlearn.cli.fit
import medunlearn.report.table  # noqa: F401
from helpers.backbones import WITH_TINY
from medunlearn.cli.settings import resolved_settings
from medunlearn.report.expected import expectations

# What the first run of a process does once: build the parsers, read figures that it is compared with.
resolved_settings(["fit", "--model=Train", "--data.dataset=synthetic", "--run_dir=r", WITH_TINY])
expectations()

gc.freeze()
gc.enable()
