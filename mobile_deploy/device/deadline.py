"""How long a process may take that ends its phases by itself."""

from __future__ import annotations

from mobile_deploy.device.measurement import RunRequest
from mobile_deploy.tflite.timing import LONGEST_PHASE_S


def longest_s(request: RunRequest) -> float:
    """Gives how long the two phases take at most, in seconds, without the inference that each ends with."""
    cut_s = LONGEST_PHASE_S if request.runs > 1 else 0.0
    return request.warmup_seconds + max(request.seconds, cut_s)
