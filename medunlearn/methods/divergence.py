"""KL divergence between the outputs of two models."""

import torch.nn.functional as F
from torch import Tensor


def divergences(teacher: Tensor, student: Tensor, temperature: float = 1.0) -> Tensor:
    """Return KL(t, s) = T^2 sum_k t_k (log t_k - log s_k) of each image, summed over classes, (b,) in float32.

    Its gradient in the student's logits is T (s - t): 0 where both agree.

    Args:
        teacher: Logits (b, C), of which t is the softmax at temperature T.
        student: Logits (b, C), likewise for s.
        temperature: T; the factor T^2 keeps gradients of one size (Hinton et al., 2015).
    """
    log_t, log_s = ((logits.float() / temperature).log_softmax(1) for logits in (teacher, student))
    return temperature**2 * F.kl_div(log_s, log_t, log_target=True, reduction="none").sum(1)
