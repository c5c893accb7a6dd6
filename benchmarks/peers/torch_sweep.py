"""The sweep of small transformers with PyTorch: trial by trial, and all as one ensemble."""

import time
from collections.abc import Sequence

import torch
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmarks import small_transformers as problem
from benchmarks.peers.torch_steps import GPT

BETAS, EPSILON = (0.9, 0.999), 1e-8


def network() -> GPT:
    """The model of `small_transformers.sweep_of`."""
    return GPT(problem.VOCABULARY, problem.WIDTH, problem.DEPTH, problem.HEADS, problem.LENGTH)


def tensors() -> tuple[torch.Tensor, torch.Tensor]:
    """All ids and those that follow them."""
    split = problem.arrays()
    return torch.from_numpy(split["x"]).long(), torch.from_numpy(split["y"]).long()


def loop(trials: Sequence[int], threads: int, fused: bool) -> float:
    """Seconds of these trials, one after another; `fused`: of torch.optim.Adam."""
    torch.set_num_threads(threads)
    x, y = tensors()

    def train(trial: int, steps: int) -> None:
        torch.manual_seed(trial)
        model = network()
        optimizer = torch.optim.Adam(model.parameters(), lr=problem.rate(trial), fused=fused)
        for _ in range(steps):
            rows = _rows(x)
            optimizer.zero_grad()
            functional.cross_entropy(model(x[rows]), y[rows].flatten()).backward()
            optimizer.step()

    train(0, 2)
    began = time.perf_counter()
    for trial in trials:
        train(trial, problem.STEPS)
    return time.perf_counter() - began


def ensemble(count: int, steps: int, threads: int) -> float:
    """Seconds of one step of so many trials at once, the mean of `steps` behind a first one.

    Adam is written for the stacked parameters, since the rates of the trials differ.
    """
    torch.set_num_threads(threads)
    x, y = tensors()
    params, buffers = stack_module_state([network() for _ in range(count)])
    base = network().to("meta")
    rates = torch.tensor([problem.rate(trial) for trial in range(count)])
    values = [value.detach() for value in params.values()]
    names = list(params)
    first, second = ([torch.zeros_like(value) for value in values] for _ in range(2))

    def loss(params: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(functional_call(base, (params, buffers), (x,)), y.flatten())

    gradient = vmap(grad(loss))

    def step(number: int) -> None:
        rows = torch.stack([_rows(x) for _ in range(count)])
        grads = list(gradient(dict(zip(names, values, strict=True)), x[rows], y[rows]).values())
        torch._foreach_lerp_(first, grads, 1 - BETAS[0])
        torch._foreach_mul_(second, BETAS[1])
        torch._foreach_addcmul_(second, grads, grads, 1 - BETAS[1])
        debias = [1 - beta ** (number + 1) for beta in BETAS]
        below = torch._foreach_sqrt(torch._foreach_div(second, debias[1]))
        torch._foreach_add_(below, EPSILON)
        moved = torch._foreach_div(torch._foreach_div(first, debias[0]), below)
        scaled = [rates.view(-1, *[1] * (each.ndim - 1)) for each in moved]
        torch._foreach_addcmul_(values, moved, scaled, -1.0)

    # The fused kernels for CPU have no rule for `vmap`: they would run one after another.
    with sdpa_kernel(SDPBackend.MATH):
        step(0)
        began = time.perf_counter()
        for number in range(1, steps + 1):
            step(number)
    return (time.perf_counter() - began) / steps


def _rows(x: torch.Tensor) -> torch.Tensor:
    """A random batch."""
    return torch.randint(0, len(x), (problem.BATCH,))
