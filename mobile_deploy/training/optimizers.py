"""The optimizers of a phase, as tf_keras has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mobile_deploy.training.phase import Phase

# Source: TensorFlow models, research/slim/train_image_classifier.py, with which V1 and V2 were trained: rmsprop_decay
# 0.9, opt_epsilon 1.0, inside the root as here. With Keras's 1e-7 the papers' rates of 0.045 and 0.1 diverge.
_RMSPROP_DECAY, _RMSPROP_EPSILON = 0.9, 1.0


def make_optimizer(phase: Phase, model: Any, *, scales_loss: bool) -> Any:  # noqa: ANN401  # Keras has no types
    """Makes the optimizer of a phase; its rate is set before each step.

    Args:
        phase: The phase.
        model: The tf_keras network.
        scales_loss: Whether gradients are in half precision, where small ones would be lost without a factor on the
            loss; steps with infinite gradients are then left out and the factor is halved.

    Returns:
        A tf_keras optimizer with all its variables made.
    """
    import tf_keras

    optimizer = _plain(phase)
    if phase.weight_decay:
        optimizer.exclude_from_weight_decay([v for v in model.trainable_variables if not decays(v.name)])
    if scales_loss:
        optimizer = tf_keras.mixed_precision.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    return optimizer


def _plain(phase: Phase) -> Any:  # noqa: ANN401
    from tf_keras import optimizers

    # XLA would need CUDA's libdevice, which many installations lack.
    shared = {
        "learning_rate": phase.learning_rate,
        "weight_decay": phase.weight_decay or None,
        "global_clipnorm": phase.clip_norm,
        "jit_compile": False,
    }
    match phase.optimizer:
        case "sgd":
            return optimizers.SGD(momentum=phase.momentum, **shared)
        case "rmsprop":
            return optimizers.RMSprop(rho=_RMSPROP_DECAY, momentum=phase.momentum, epsilon=_RMSPROP_EPSILON, **shared)
        case "adam":
            return optimizers.Adam(**shared)
        case "adamw":
            return optimizers.AdamW(**{**shared, "weight_decay": phase.weight_decay})


def decays(name: str) -> bool:
    """Says whether weight decay is for this variable: kernels of convolutions and fully connected layers.

    Source: "MobileNets", arXiv:1704.04861, section 3.2: little or no weight decay on the depthwise filters.

    >>> decays("Conv1/kernel:0"), decays("quant_expand/depthwise_kernel:0"), decays("bn/gamma:0")
    (True, False, False)
    """
    return name.rpartition("/")[2].partition(":")[0] == "kernel"


def optimizer_variables(optimizer: Any) -> Sequence[Any]:  # noqa: ANN401
    """Gives everything that an optimizer remembers from step to step, in a fixed order.

    Args:
        optimizer: As `make_optimizer` made it.

    Returns:
        Its variables; with a scaled loss also the factor and the steps since its last change.
    """
    variables = list(optimizer.variables)
    if hasattr(optimizer, "dynamic_counter"):
        # The factor as a variable has no public name.
        variables += [optimizer._loss_scale.current_loss_scale, optimizer.dynamic_counter]
    return variables
