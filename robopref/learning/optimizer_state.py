"""What an optimizer goes on from, as a file holds it that may be damaged, or come from somebody else."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_MOMENTS = {"step", "exp_avg", "exp_avg_sq"}  # what Adam and AdamW keep of each parameter


def restore_optimizer(optimizer: torch.optim.Optimizer, stored: Any) -> None:
    """Give Adam or AdamW the moments of a stored state; its settings stay those that it was made with.

    Torch itself takes whatever a state holds, and fails at the next step.

    Args:
        optimizer: What goes on; parameters that never had a gradient have no moments.
        stored: Its ``state_dict`` of before.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: The state is of another form, or of other parameters.
    """
    parameters: list[Tensor] = [one for group in optimizer.param_groups for one in group["params"]]
    if sum(len(group["params"]) for group in stored["param_groups"]) != len(parameters):
        raise ValueError("the optimizer is of other parameters")
    state: dict[Any, dict[str, Any]] = stored["state"]
    for index, moments in state.items():
        if type(index) is not int or not 0 <= index < len(parameters) or set(moments) != _MOMENTS:
            raise ValueError(f"the optimizer holds something else of parameter {str(index)[:20]!r}")
        for name, moment in moments.items():
            shape = () if name == "step" else parameters[index].shape
            if not isinstance(moment, Tensor) or not moment.is_floating_point() or moment.shape != shape:
                raise ValueError(f"{name} of parameter {index} of the optimizer is of another form")
        if bool((moments["exp_avg_sq"] < 0).any()) or float(moments["step"]) < 1:
            raise ValueError(f"squares or steps of parameter {index} of the optimizer are negative")
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
