"""Seconds of one training step (forward, backward, Adam) of image models, against PyTorch at its
best number of threads and memory layout; then what the updates of all optimizers cost (see
`update_time`, `lbfgs_time`; each runs alone, too).
"""

from collections.abc import Iterator
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import harness, lbfgs_time, update_time
from benchmarks.harness import Row
from benchmarks.training_step import (
    RATE,
    REPEATS,
    Problem,
    against_torch,
    scanned,
    torch_cases,
    ways,
)
from jaxdl import tasks, train
from jaxdl.layers.norms import BatchNorm
from jaxdl.models import CNN, ResNet
from jaxdl.optimizers import adam
from jaxdl.types import Batch, Task

CNN_SHAPE, RESNET_SHAPE = (128, 28, 28, 1), (64, 32, 32, 3)
WIDTHS, BLOCKS = (16, 32, 64), 3
PEAKS = {"NVIDIA H100 80GB HBM3": 989e12, "NVIDIA H200": 989e12}
"""Dense bfloat16 operations a second, as the makers state them."""


def cnn(norm: bool = False, dropout: float = 0.0) -> Task:
    """The network of `torch_steps.cnn`."""
    norms = BatchNorm if norm else None
    return tasks.classification(CNN(((32,), (64,)), 10, (128,), norm=norms, dropout=dropout))


def resnet() -> Task:
    """The network of `torch_steps.resnet`: 20 layers."""
    return tasks.classification(ResNet(WIDTHS, BLOCKS, 10))


def random_batch(shape: tuple[int, ...]) -> Batch:
    """Standard normal images and uniform labels."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype(np.float32)
    return {"x": x, "y": rng.integers(0, 10, shape[0]).astype(np.int32)}


def digits_like() -> tuple[Task, Batch]:
    """The CNN and a batch of its size."""
    return cnn(), random_batch(CNN_SHAPE)


def photos_like() -> tuple[Task, Batch]:
    """The residual network and a batch of its size."""
    return resnet(), random_batch(RESNET_SHAPE)


def of_cnn() -> list[Row]:
    """The CNN against PyTorch, and what batch norm and dropout add to each."""
    batch = random_batch(CNN_SHAPE)
    theirs = torch_cases("cnn", (False, 0.0), CNN_SHAPE)
    with ways(Problem("benchmarks.step_time", "digits_like")) as plain:
        rows, before = against_torch("CNN 28×28, 32–64 channels, batch 128", plain, theirs, 1.0)
    more = {"in lax.scan": scanned(cnn(norm=True, dropout=0.5), batch)}
    theirs = torch_cases("cnn", (True, 0.5), CNN_SHAPE)
    found, after = against_torch("the same with batch norm and dropout", more, theirs, 1.0)
    rows += found
    if theirs:
        added, torch_added = (
            after[way].median / before[way].median for way in ("in lax.scan", "PyTorch")
        )
        rows.append(
            Row(
                "step with batch norm and dropout over step without, CNN",
                added,
                torch_added,
                "PyTorch, each at its best",
                "times",
                torch_added / added,
                1.0,
            )
        )
    return rows


def of_resnet() -> list[Row]:
    """The residual network against PyTorch."""
    theirs = torch_cases("resnet", (WIDTHS, BLOCKS), RESNET_SHAPE)
    with ways(Problem("benchmarks.step_time", "photos_like")) as ours:
        return against_torch("ResNet-20, 32×32×3, batch 64", ours, theirs, 0.85)[0]


def on_accelerator() -> list[Row]:
    """bfloat16 against float32 there, with the share of the chip's peak."""
    rows = []
    cases = {"CNN": (cnn(), CNN_SHAPE), "ResNet-20": (resnet(), RESNET_SHAPE)}
    for name, (task, shape) in cases.items():
        batch = random_batch(shape)
        narrow, wide = harness.alternate(
            REPEATS, scanned(task, batch, jnp.bfloat16), scanned(task, batch)
        )
        operations = _operations(task, batch) / narrow.median
        peak = PEAKS.get(jax.local_devices()[0].device_kind)
        share = f", {100 * operations / peak:.2g} % of the peak" if peak else ""
        rows.append(
            Row(
                f"{name}, bfloat16, in lax.scan",
                1e3 * narrow.median,
                1e3 * wide.median,
                "the same in float32",
                "ms",
                wide.median / narrow.median,
                None,
                f"{operations / 1e12:.3g} TFLOP/s{share}",
            )
        )
    return rows


def _operations(task: Task, batch: Batch) -> float:
    """Floating-point operations of one step, as XLA counts them."""
    tx = adam(RATE)
    state = jax.eval_shape(lambda key: train.init(task, tx, key, batch), jax.random.key(0))
    step = jax.jit(lambda state, batch: train.step(task, tx, state, batch)[0])
    cost = cast("dict[str, float]", step.lower(state, batch).compile().cost_analysis())
    return float(cost["flops"])


def measure(quick: bool) -> Iterator[Row]:
    """All rows that this machine can show."""
    yield from of_cnn()
    if not quick:
        yield from of_resnet()
    if jax.local_devices()[0].platform != "cpu":
        yield from on_accelerator()
    yield from update_time.rows(quick)
    yield from lbfgs_time.rows(quick)


if __name__ == "__main__":
    harness.main(__doc__ or "", measure)
