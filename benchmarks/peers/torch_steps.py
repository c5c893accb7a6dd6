"""Training steps with PyTorch: the same layers, loss and Adam as ours in `benchmarks`.

As a script: takes a `Case` as a JSON list, and for each line of its input writes the seconds of one
step. Nothing but PyTorch is imported there, so its allocator is as the system has it.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional


def cnn(norm: bool, dropout: float) -> nn.Module:
    """Two convolutions of 32 and 64 channels with pooling, a dense layer of 128, ten outputs."""

    def block(before: int, after: int) -> list[nn.Module]:
        layers: list[nn.Module] = [nn.Conv2d(before, after, 3, padding=1, bias=not norm)]
        layers += [nn.BatchNorm2d(after)] if norm else []
        return [*layers, nn.ReLU(), nn.MaxPool2d(2)]

    def dense(before: int, after: int) -> list[nn.Module]:
        return [*([nn.Dropout(dropout)] if dropout else []), nn.Linear(before, after)]

    blocks = [*block(1, 32), *block(32, 64), nn.Flatten()]
    return nn.Sequential(*blocks, *dense(3136, 128), nn.ReLU(), *dense(128, 10))


class Block(nn.Module):
    """Two convolutions with batch norm, and the input added (subsampled, padded with zeros)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(after), nn.BatchNorm2d(after)])
        self.stride, self.more = stride, after - before

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.norms[0](self.first(x)))
        y = self.norms[1](self.second(y))
        if self.stride > 1:
            x = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
        return functional.relu(x + y)


def resnet(widths: tuple[int, ...], blocks: int) -> nn.Module:
    """6n + 2 layers for three widths and n blocks a stage."""
    layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)]
    layers += [nn.BatchNorm2d(widths[0]), nn.ReLU()]
    before = widths[0]
    for stage, width in enumerate(widths):
        for block in range(blocks):
            layers.append(Block(before, width, 2 if stage and not block else 1))
            before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))


class Recurrent(nn.Module):
    """Ids to embeddings, a recurrent layer, and the logits of the next id."""

    def __init__(self, kind: str, vocabulary: int, features: int) -> None:
        super().__init__()
        kinds = {"LSTM": nn.LSTM, "GRU": nn.GRU, "Elman": nn.RNN}
        self.embedding = nn.Embedding(vocabulary, vocabulary)
        self.layer = kinds[kind](vocabulary, features, batch_first=True)
        self.logits = nn.Linear(features, vocabulary)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.logits(self.layer(self.embedding(x))[0]).movedim(-1, 1)


class Case(NamedTuple):
    """A model by name and numbers, the shape of a batch, and how PyTorch runs it.

    arguments: norm and dropout of "cnn"; widths and blocks of "resnet"; kind, vocabulary and
    features of "recurrent". shape: `[B, H, W, C]`, of "recurrent" `[B, T]`.
    """

    model: str
    arguments: Sequence[Any]
    shape: Sequence[int]
    threads: int
    channels_last: bool
    steps: int


def stepper(case: Case) -> Callable[[], float]:
    """Measures seconds of one step of Adam on a random batch, the mean of `case.steps`."""
    if case.model == "recurrent":
        kind, vocabulary, features = case.arguments
        x, y = (torch.randint(0, vocabulary, tuple(case.shape)) for _ in range(2))
        return measured(Recurrent(kind, vocabulary, features), x, y, case.threads, case.steps)
    batch, height, width, channels = case.shape
    model = (cnn if case.model == "cnn" else resnet)(*case.arguments)
    x, y = torch.randn(batch, channels, height, width), torch.randint(0, 10, (batch,))
    if case.channels_last:
        model = model.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    return measured(model, x, y, case.threads, case.steps)


def measured(
    model: nn.Module, x: torch.Tensor, y: torch.Tensor, threads: int, count: int
) -> Callable[[], float]:
    """Measures seconds of one step of Adam on a batch, the mean of `count`."""
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def step() -> None:
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    def measure() -> float:
        torch.set_num_threads(threads)
        step()
        began = time.perf_counter()
        for _ in range(count):
            step()
        return (time.perf_counter() - began) / count

    return measure


if __name__ == "__main__":
    measure = stepper(Case(*json.loads(sys.argv[1])))
    for _ in sys.stdin:
        print(measure(), flush=True)
