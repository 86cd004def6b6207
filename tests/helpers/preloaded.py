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

gc.freeze()
gc.enable()
