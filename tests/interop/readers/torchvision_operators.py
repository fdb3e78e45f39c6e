"""Lets torchvision be imported where its compiled half is for another build of torch, without its operators.

Readers of datasets need none of them; torchvision itself needs their names.
"""

import sys

import torch

try:
    import torchvision  # noqa: F401
except RuntimeError:
    for module in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[module]
    for name in ("nms", "qnms"):
        torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
