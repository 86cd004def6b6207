"""Methods: training, retraining and unlearning, a file each."""

from medunlearn.methods.bad_teacher import BadTeacher
from medunlearn.methods.boundary_expand import BoundaryExpand
from medunlearn.methods.boundary_shrink import BoundaryShrink
from medunlearn.methods.classifier import Classifier
from medunlearn.methods.coun import CoUn
from medunlearn.methods.fine_tune import FineTune
from medunlearn.methods.fisher_forgetting import FisherForgetting
from medunlearn.methods.gradient_ascent import GradientAscent
from medunlearn.methods.held_out_twins import HeldOutTwins
from medunlearn.methods.influence import Influence
from medunlearn.methods.kernel_transpose import KernelTranspose
from medunlearn.methods.l1_sparse import L1Sparse
from medunlearn.methods.masked_small_gradients import MaskedSmallGradients
from medunlearn.methods.munba import MUNBa
from medunlearn.methods.neg_grad_plus import NegGradPlus
from medunlearn.methods.pretrained import Pretrained
from medunlearn.methods.random_labels import RandomLabels
from medunlearn.methods.regun import ReGUn
from medunlearn.methods.retrain import Retrain
from medunlearn.methods.salun import SalUn
from medunlearn.methods.salun_soft import SalUnSoft
from medunlearn.methods.scrub import SCRUB
from medunlearn.methods.ssd import SSD
from medunlearn.methods.train import Train
from medunlearn.methods.ugradsl import UGradSL, UGradSLPlus
from medunlearn.methods.unlearner import Unlearner
from medunlearn.methods.weight_negation import WeightNegation

__all__ = [
    "SCRUB",
    "SSD",
    "BadTeacher",
    "BoundaryExpand",
    "BoundaryShrink",
    "Classifier",
    "CoUn",
    "FineTune",
    "FisherForgetting",
    "GradientAscent",
    "HeldOutTwins",
    "Influence",
    "KernelTranspose",
    "L1Sparse",
    "MUNBa",
    "MaskedSmallGradients",
    "NegGradPlus",
    "Pretrained",
    "RandomLabels",
    "ReGUn",
    "Retrain",
    "SalUn",
    "SalUnSoft",
    "Train",
    "UGradSL",
    "UGradSLPlus",
    "Unlearner",
    "WeightNegation",
]
