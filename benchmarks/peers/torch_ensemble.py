"""The digits trials as one batched PyTorch ensemble: the strongest peer of a sweep on CPU.

As a script: takes a `Way` as a JSON list, says `ready`, and for each line of its input, a number of
trials, writes the seconds that they took. Nothing of JAX is imported there.
"""

import itertools
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.func import grad, vmap
from torch.nn import functional

from benchmarks import digits
from jaxdl import _cpu

BETAS, EPSILON = (0.9, 0.999), 1e-8
Params = list[torch.Tensor]
"""Kernels `[T, in, out]` and biases `[T, 1, out]` of T trials, layer by layer."""
Gradient = Callable[[Params, torch.Tensor, torch.Tensor], Params]
"""`(params, x [T, B, D], y [T, B]) -> gradients` of each trial's own mean loss."""


class Way(NamedTuple):
    """How PyTorch trains them.

    kind: "baddbmm" (stacked products, autograd), "torch.func" (vmap of grad) or "compiled" (a whole
        step of the first by torch.compile). chunk: trials at once. steps: of each trial.
    """

    kind: str
    chunk: int
    threads: int
    steps: int = digits.STEPS

    def __str__(self) -> str:
        return f"{self.kind}, {self.chunk} at once, {self.threads} thread(s)"


def init(count: int) -> Params:
    """He's normal kernels, zero biases."""
    widths = (64, *digits.HIDDEN, digits.CLASSES)
    params = []
    for before, after in itertools.pairwise(widths):
        params.append(torch.randn(count, before, after) * (2 / before) ** 0.5)
        params.append(torch.zeros(count, 1, after))
    return params


def stacked_logits(params: Params, x: torch.Tensor) -> torch.Tensor:
    """`[T, B, K]`."""
    *hidden, (kernel, bias) = zip(params[::2], params[1::2], strict=True)
    for weight, offset in hidden:
        x = torch.relu(torch.baddbmm(offset, x, weight))
    return torch.baddbmm(bias, x, kernel)


def stacked_loss(params: Params, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The sum over trials of their means: no trial's gradient meets another's."""
    logits = stacked_logits(params, x).flatten(0, 1)
    return functional.cross_entropy(logits, y.flatten(), reduction="sum") / x.shape[1]


def by_autograd(params: Params, x: torch.Tensor, y: torch.Tensor) -> Params:
    return list(torch.autograd.grad(stacked_loss(params, x, y), params))


def one_loss(params: Params, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Of one trial, for `vmap`."""
    *hidden, (kernel, bias) = zip(params[::2], params[1::2], strict=True)
    for weight, offset in hidden:
        x = torch.relu(x @ weight + offset)
    return functional.cross_entropy(x @ kernel + bias, y)


def stepper(params: Params, rates: torch.Tensor, gradient: Gradient) -> Callable[..., None]:
    """`step(x, y)`: fused Adam at rate 1; each trial takes the sum of its steps times its rate."""
    start = [value.clone() for value in params]
    moved = [torch.zeros_like(value) for value in params]
    adam = torch.optim.Adam(moved, lr=1.0, betas=BETAS, eps=EPSILON, fused=True)
    for value in params:
        value.requires_grad_(gradient is by_autograd)

    def step(x: torch.Tensor, y: torch.Tensor) -> None:
        for total, found in zip(moved, gradient(params, x, y), strict=True):
            total.grad = found
        adam.step()
        with torch.no_grad():
            for value, first, total in zip(params, start, moved, strict=True):
                torch.addcmul(first, rates, total, out=value.data)

    return step


@torch.compile(fullgraph=True, dynamic=False)
def update(
    params: Params,
    first: Params,
    second: Params,
    rates: torch.Tensor,
    x: torch.Tensor,
    y: torch.Tensor,
    debias: torch.Tensor,
) -> None:
    """Gradients and Adam of all trials, in place."""
    grads = grad(stacked_loss)(params, x, y)
    for value, m, v, found in zip(params, first, second, grads, strict=True):
        m.lerp_(found, 1 - BETAS[0])
        v.mul_(BETAS[1]).addcmul_(found, found, value=1 - BETAS[1])
        value.sub_(rates * (m / debias[0]) / ((v / debias[1]).sqrt() + EPSILON))


def compiled_stepper(params: Params, rates: torch.Tensor) -> Callable[..., None]:
    """`step(x, y)`: a whole step as one program of the compiler's."""
    first, second = ([torch.zeros_like(value) for value in params] for _ in range(2))
    steps = itertools.count(1)

    def step(x: torch.Tensor, y: torch.Tensor) -> None:
        number = next(steps)
        debias = torch.tensor([1 - beta**number for beta in BETAS])
        with torch.no_grad():
            update(params, first, second, rates, x, y, debias)

    return step


def train(trials: Sequence[int], way: Way) -> torch.Tensor:
    """Test accuracies `[T]` of a chunk of trials."""
    torch.manual_seed(trials[0])
    arrays = {name: map(torch.from_numpy, part.values()) for name, part in digits.arrays().items()}
    (x, y), (test_x, test_y) = arrays["train"], arrays["test"]
    y, count = y.long(), len(trials)
    params = init(count)
    rates = torch.tensor([digits.rate(trial) for trial in trials]).view(-1, 1, 1)
    if way.kind == "compiled":
        step = compiled_stepper(params, rates)
    else:
        step = stepper(
            params, rates, by_autograd if way.kind == "baddbmm" else vmap(grad(one_loss))
        )
    per_epoch = len(y) // digits.BATCH
    for number in range(way.steps):
        if number % per_epoch == 0:
            orders = torch.stack([torch.randperm(len(y)) for _ in trials])
        rows = orders[:, number % per_epoch * digits.BATCH :][:, : digits.BATCH]
        step(x[rows], y[rows])
    with torch.no_grad():
        predicted = stacked_logits(params, test_x.expand(count, -1, -1)).argmax(-1)
        return (predicted == test_y).float().mean(1)


def accuracies(count: int, way: Way) -> np.ndarray:
    """Test accuracies of trials 0 .. count − 1, chunk after chunk; the last is filled up."""
    torch.set_num_threads(way.threads)
    firsts = range(0, count, way.chunk)
    found = [train(range(first, first + way.chunk), way) for first in firsts]
    return torch.cat(found)[:count].numpy()


if __name__ == "__main__":
    _cpu.tune()  # freed memory is kept, as it is for ours
    torch._inductor.config.force_disable_caches = True  # each process compiles, as ours does
    way = Way(*json.loads(sys.argv[1]))
    digits.arrays()  # before the clock runs, as for ours
    print("ready", flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        accuracies(int(line), way)
        print(time.perf_counter() - began, flush=True)
