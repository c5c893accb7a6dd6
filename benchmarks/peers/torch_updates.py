"""Updates of PyTorch's optimizers, as `foreach` or fused, and its clipping."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from benchmarks.peers.torch_steps import repeated

RATE, DECAY, BOUND = 1e-3, 1e-2, 1.0

OPTIMIZERS: dict[str, tuple[Callable[..., torch.optim.Optimizer], dict[str, Any]]] = {
    "sgd": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {"momentum": 0.9}),
    "nesterov": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "adagrad": (torch.optim.Adagrad, {}),
    "rmsprop": (torch.optim.RMSprop, {"alpha": 0.9}),
    "rmsprop_centered": (torch.optim.RMSprop, {"alpha": 0.9, "centered": True}),
    "rmsprop_momentum": (torch.optim.RMSprop, {"alpha": 0.9, "momentum": 0.9}),
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {"weight_decay": DECAY}),
}
FUSED = (torch.optim.SGD, torch.optim.Adagrad, torch.optim.Adam, torch.optim.AdamW)
"""Those that have a fused implementation on CPU."""
CLIPPING: dict[str, Callable[[list[torch.Tensor]], Any]] = {
    "clip_by_value": lambda params: clip_grad_value_(params, BOUND, foreach=True),
    "clip_by_global_norm": lambda params: clip_grad_norm_(params, BOUND, foreach=True),
}


def ways(name: str) -> tuple[str, ...]:
    """The implementations of an optimizer, or of a clipping."""
    fused = name in OPTIMIZERS and OPTIMIZERS[name][0] in FUSED
    return ("foreach", "fused") if fused else ("foreach",)


def updating(
    name: str, way: str, values: Sequence[np.ndarray], threads: int, steps: int
) -> Callable[[], float]:
    """Measures seconds of an update, the mean of `steps`, the gradients constant.

    A clipping is followed by the addition of what it clipped, as ours is.
    """
    params = [torch.nn.Parameter(torch.from_numpy(value.copy())) for value in values]
    grads = [torch.from_numpy(value) * 0.1 for value in values]
    for param, found in zip(params, grads, strict=True):
        param.grad = found
    if name in CLIPPING:

        @torch.no_grad()
        def step() -> None:
            CLIPPING[name](params)
            torch._foreach_add_(params, [param.grad for param in params])

    else:
        make, arguments = OPTIMIZERS[name]
        optimizer = make(params, lr=RATE, **arguments, **{way: True})

        def step() -> None:
            optimizer.step()

    return repeated(step, threads, steps)
