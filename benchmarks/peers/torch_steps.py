"""Training steps with PyTorch: the same layers, loss and Adam as ours in `benchmarks`.

As a script: takes a `Case` as a JSON list, says `ready`, and for each line of its input writes the
seconds of one step. Only PyTorch is imported there, so its allocator is as the system has it.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional

CHOSEN, PADDED = 0.15, 8
"""Of BERT's words, the share that is guessed; one in so many is padding."""


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


class TransformerBlock(nn.Module):
    """Attention of a token to itself and others, and a network four times as wide."""

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.inner, self.outer = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.heads, self.causal = heads, causal

    def attend(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        batch, length, width = x.shape
        parts = self.qkv(x).view(batch, length, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(q, k, v, mask, is_causal=self.causal)
        return self.out(y.transpose(1, 2).reshape(batch, length, width))

    def network(self, x: torch.Tensor) -> torch.Tensor:
        kind = "tanh" if self.causal else "none"
        return self.outer(functional.gelu(self.inner(x), approximate=kind))

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Pre-norm as in GPT-2 where it is causal, post-norm as in BERT where it is not."""
        first, second = self.norms
        if self.causal:
            x = x + self.attend(first(x), mask)
            return x + self.network(second(x))
        x = first(x + self.attend(x, mask))
        return second(x + self.network(x))


class GPT(nn.Module):
    """Ids `[B, T]` to logits `[B·T, V]` of the next one, by the table of the words."""

    def __init__(self, vocabulary: int, width: int, depth: int, heads: int, length: int) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.blocks = nn.ModuleList([TransformerBlock(width, heads, True) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)
        for table in (self.words, self.places):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states = self.words(x) + self.places.weight[: x.shape[1]]
        for block in self.blocks:
            states = block(states)
        return functional.linear(self.norm(states), self.words.weight).flatten(0, 1)


class BERT(nn.Module):
    """Ids `[B, T]`, 0 where there is no word, to logits `[B·T, V]` of the masked ones."""

    def __init__(self, vocabulary: int, width: int, depth: int, heads: int, length: int) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.segments = nn.Embedding(2, width)
        self.blocks = nn.ModuleList([TransformerBlock(width, heads, False) for _ in range(depth)])
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.transform = nn.Linear(width, width)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        for table in (self.words, self.places, self.segments):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        real = (x != 0)[:, None, None]
        states = self.words(x) + self.places.weight[: x.shape[1]] + self.segments.weight[0]
        states = self.norms[0](states)
        for block in self.blocks:
            states = block(states, real)
        states = self.norms[1](functional.gelu(self.transform(states)))
        return functional.linear(states, self.words.weight, self.bias).flatten(0, 1)


TRANSFORMERS: dict[str, Callable[..., nn.Module]] = {"gpt": GPT, "bert": BERT}


class Case(NamedTuple):
    """A model by name and numbers, the shape of a batch, and how PyTorch runs it.

    arguments: norm and dropout of "cnn"; widths and blocks of "resnet"; kind, vocabulary and
    features of "recurrent"; vocabulary, width, depth and heads of "gpt" and "bert".
    shape: `[B, H, W, C]` of images, `[B, T]` of ids.
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
    if case.model in TRANSFORMERS:
        vocabulary, length = case.arguments[0], case.shape[1]
        x, y = (torch.randint(1, vocabulary, tuple(case.shape)) for _ in range(2))
        if case.model == "bert":
            x[:, -length // PADDED :] = 0
            y[torch.rand(y.shape) > CHOSEN] = -100  # what cross_entropy leaves out
        model = TRANSFORMERS[case.model](*case.arguments, length)
        return measured(model, x, y.flatten(), case.threads, case.steps)
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

    return repeated(step, threads, count)


def repeated(step: Callable[[], None], threads: int, count: int) -> Callable[[], float]:
    """Measures seconds of a step, the mean of `count` after one that is not counted."""

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
    print("ready", flush=True)
    for _ in sys.stdin:
        print(measure(), flush=True)
