"""Operators that Acme computes better than the reference does: for now, the convolution."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from onnx.reference.op_run import OpRun


class Conv(OpRun):
    """Two-dimensional, one group, no dilation, as one matrix product."""

    op_domain = ""

    def _run(self, x: Any, w: Any, bias: Any = None, **attributes: Any) -> tuple[NDArray[Any]]:
        group, dilations = attributes.get("group") or 1, attributes.get("dilations") or [1, 1]
        automatic = attributes.get("auto_pad") or "NOTSET"
        if x.ndim != 4 or group != 1 or set(dilations) != {1} or automatic != "NOTSET":
            raise NotImplementedError("Acme convolves images, without groups, dilation, auto_pad")
        top, left, bottom, right = attributes.get("pads") or [0, 0, 0, 0]
        down, across = attributes.get("strides") or [1, 1]
        padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
        windows = sliding_window_view(padded, w.shape[2:], axis=(2, 3))[:, :, ::down, ::across]
        # [N, C, H, W, h, w] with [M, C, h, w] → [N, H, W, M]
        product = np.tensordot(windows, w, axes=([1, 4, 5], [1, 2, 3]))
        if bias is not None:
            product = product + bias
        return (np.ascontiguousarray(product.transpose(0, 3, 1, 2)),)
