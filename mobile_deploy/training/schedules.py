"""The learning rate along a phase."""

from __future__ import annotations

import math

from mobile_deploy.training.phase import Phase


def learning_rate_at(phase: Phase, share: float) -> float:
    """Gives the learning rate after a share of a phase.

    It rises in a straight line from 0 during the warm-up, then stays or falls as half a cosine to 0.

    Source: Loshchilov and Hutter, "SGDR", arXiv:1608.03983, equation 5, without restarts.

    Args:
        phase: The phase.
        share: Of its steps or its time, from 0 to 1.

    Returns:
        The rate, from 0 to the phase's.

    >>> learning_rate_at(Phase(name="all", epochs=1, batch_size=8, learning_rate=0.1, warm_up_share=0.2), 0.1)
    0.05
    """
    if share < phase.warm_up_share:
        return phase.learning_rate * share / phase.warm_up_share
    if phase.decay == "constant":
        return phase.learning_rate
    decayed = (share - phase.warm_up_share) / max(1.0 - phase.warm_up_share, 1e-9)
    return phase.learning_rate * 0.5 * (1.0 + math.cos(math.pi * min(decayed, 1.0)))


def share_at(step: int, steps: int) -> float:
    """Gives how far into a phase the middle of a step is, so that neither the first nor the last has a rate of 0.

    >>> share_at(0, 4), share_at(3, 4)
    (0.125, 0.875)
    """
    return (step + 0.5) / steps
