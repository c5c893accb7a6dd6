"""Writes optimizers.npz: parameter trajectories of torch.optim, 100 steps in float64.

With the `parity` extra, from the root: python tests/goldens/make_optimizers.py
"""

import sys
from pathlib import Path

import numpy as np
import torch

STEPS = 100
CASES = {
    "sgd": (torch.optim.SGD, {"lr": 0.1}),
    "momentum": (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}),
    "nesterov": (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    "adagrad": (
        torch.optim.Adagrad,
        {"lr": 0.1, "lr_decay": 0.0, "initial_accumulator_value": 0.0, "eps": 1e-10},
    ),
    "adagrad_initial": (
        torch.optim.Adagrad,
        {"lr": 0.1, "lr_decay": 0.0, "initial_accumulator_value": 0.1, "eps": 1e-3},
    ),
    "rmsprop": (torch.optim.RMSprop, {"lr": 0.01, "alpha": 0.9, "eps": 1e-6}),
    "rmsprop_centered": (
        torch.optim.RMSprop,
        {"lr": 0.002, "alpha": 0.95, "eps": 1e-4, "centered": True},
    ),
    "rmsprop_momentum": (
        torch.optim.RMSprop,
        {"lr": 0.002, "alpha": 0.9, "eps": 1e-6, "momentum": 0.8},
    ),
    "adam": (torch.optim.Adam, {"lr": 0.02, "betas": (0.9, 0.99), "eps": 1e-6}),
    "adam_l2": (
        torch.optim.Adam,
        {"lr": 0.02, "betas": (0.9, 0.99), "eps": 1e-6, "weight_decay": 0.1},
    ),
    "adamw": (
        torch.optim.AdamW,
        {"lr": 0.02, "betas": (0.9, 0.99), "eps": 1e-6, "weight_decay": 0.1},
    ),
}


def inputs() -> dict[str, np.ndarray]:
    """A fresh minibatch for every step, and where the two trees start."""
    rng = np.random.default_rng(0)
    return {
        "x": rng.normal(size=(STEPS, 4, 3)),
        "y": rng.normal(size=(STEPS, 4, 2)),
        "flat": rng.normal(size=3),
        "kernel": rng.normal(size=(3, 2)),
        "bias": rng.normal(size=2),
        "scale": rng.normal(size=()),
    }


def flat_loss(params: list[torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    (theta,) = params
    return ((torch.tanh(x @ theta) - y[:, 0]) ** 2).mean()


def nested_loss(params: list[torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    kernel, bias, scale = params
    return ((scale * torch.tanh(x @ kernel + bias) - y) ** 2).mean()


def trajectory(case: str, loss, start: list[np.ndarray], x, y) -> list[np.ndarray]:
    """One array [STEPS, ...] per parameter: its value after each step."""
    params = [torch.tensor(value, requires_grad=True) for value in start]
    make, options = CASES[case]
    optimizer = make(params, **options)
    rows: list[list[np.ndarray]] = [[] for _ in params]
    for x_t, y_t in zip(torch.tensor(x), torch.tensor(y), strict=True):
        optimizer.zero_grad()
        loss(params, x_t, y_t).backward()
        optimizer.step()
        for row, value in zip(rows, params, strict=True):
            row.append(value.detach().numpy().copy())
    return [np.stack(row) for row in rows]


def main(folder: Path) -> None:
    data = inputs()
    out = dict(data)
    for case in CASES:
        for loss, names in ((flat_loss, ["flat"]), (nested_loss, ["kernel", "bias", "scale"])):
            values = trajectory(case, loss, [data[n] for n in names], data["x"], data["y"])
            out |= {f"{case}/{n}": value for n, value in zip(names, values, strict=True)}
    np.savez_compressed(folder / "optimizers.npz", **out)


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]) if sys.argv[1:] else Path(__file__).parent)
