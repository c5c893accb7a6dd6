"""The same trials in one process with PyTorch: modules built once a trial, Adam fused or not."""

import itertools
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks import digits


def train_one(trial: int, splits: dict[str, dict[str, Any]], fused: bool) -> float:
    """Test accuracy of one trial; `fused`: of torch.optim.Adam, off by default there."""
    import torch
    from torch.nn import functional

    torch.manual_seed(trial)
    widths = (64, *digits.HIDDEN)
    layers: list[Any] = []
    for before, after in itertools.pairwise(widths):
        layers += [torch.nn.Linear(before, after), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(widths[-1], digits.CLASSES))
    for layer in model:
        if isinstance(layer, torch.nn.Linear):
            torch.nn.init.kaiming_normal_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.Adam(model.parameters(), lr=digits.rate(trial), fused=fused)
    x, y = splits["train"]["x"], splits["train"]["y"]
    per_epoch = len(y) // digits.BATCH
    for step in range(digits.STEPS):
        if step % per_epoch == 0:
            order = torch.randperm(len(y))
        rows = order[step % per_epoch * digits.BATCH :][: digits.BATCH]
        optimizer.zero_grad()
        functional.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
    with torch.no_grad():
        predicted = model(splits["test"]["x"]).argmax(-1)
        return float((predicted == splits["test"]["y"]).float().mean())


def seconds(trials: Sequence[int], threads: int, fused: bool) -> float:
    """Seconds of these trials, one after another."""
    import torch

    torch.set_num_threads(threads)
    splits = {
        name: {"x": torch.from_numpy(part["x"]), "y": torch.from_numpy(part["y"].astype(np.int64))}
        for name, part in digits.arrays().items()
    }
    train_one(0, splits, fused)
    began = time.perf_counter()
    for trial in trials:
        train_one(trial, splits, fused)
    return time.perf_counter() - began
