"""Seconds of one training step (forward, backward, Adam) of image models, against PyTorch.

Ours alone (a compiled step in a Python loop), inside `lax.scan`, and as a sweep runs it: a trial
per device, many steps in a scan. PyTorch at its best number of threads and memory layout.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import harness
from benchmarks.harness import Row, Timing
from jaxdl import cores, sweep, tasks, train
from jaxdl.layers.norms import BatchNorm
from jaxdl.models import CNN, ResNet
from jaxdl.optimizers import adam
from jaxdl.types import Batch, Task

REPEATS, STEPS = 5, 8
CNN_SHAPE, RESNET_SHAPE = (128, 28, 28, 1), (64, 32, 32, 3)
WIDTHS, BLOCKS = (16, 32, 64), 3
RATE = 1e-3
SWEPT = "a step of a sweep with a trial on each core"
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


def alone(task: Task, batch: Batch) -> Callable[[], float]:
    """Measures seconds of a compiled step, called from Python."""
    tx = adam(RATE)
    batch = jax.device_put(batch)
    step = jax.jit(lambda state, batch: train.step(task, tx, state, batch)[0])
    state = step(jax.jit(lambda key: train.init(task, tx, key, batch))(jax.random.key(0)), batch)

    def run() -> None:
        now = state
        for _ in range(STEPS):
            now = step(now, batch)
        jax.block_until_ready(now)

    run()
    return lambda: harness.seconds(run) / STEPS


def scanned(task: Task, batch: Batch, dtype: Any = jnp.float32) -> Callable[[], float]:
    """Measures seconds of a step inside `lax.scan`."""
    tx = adam(RATE)
    batch = jax.device_put({**batch, "x": batch["x"].astype(dtype)})
    state = jax.jit(lambda key: train.init(task, tx, key, batch))(jax.random.key(0))

    @jax.jit
    def steps(state: Any, batch: Batch) -> Any:
        state = state._replace(params=jax.tree.map(lambda p: p.astype(dtype), state.params))
        state = state._replace(opt_state=tx.init(state.params))
        body = lambda state, _: (train.step(task, tx, state, batch)[0], None)  # noqa: E731
        return jax.lax.scan(body, state, None, STEPS)[0]

    def run() -> None:
        jax.block_until_ready(steps(state, batch))

    run()
    return lambda: harness.seconds(run) / STEPS


def swept(task: Task, batch: Batch) -> Callable[[], float]:
    """Measures seconds of a step as a sweep runs it, a trial on each device at once."""
    run = sweep.make_run(lambda h: (task, adam(h["rate"])), steps=STEPS, batch_size=len(batch["y"]))
    placement = sweep.place()
    lanes = placement.mesh.size
    data = jax.device_put({"train": batch}, placement.everywhere)
    hparams = {"rate": np.full(lanes, RATE, np.float32)}
    program = sweep.compile_run(run, placement, hparams, data, lanes)
    state = [program.init(hparams, np.arange(lanes, dtype=np.uint32), data)]

    def advance() -> None:
        # The state is donated: each call goes on from the one before.
        state[0], *_ = program.advance(hparams, state[0], np.ones(lanes, bool), data)
        jax.block_until_ready(state[0])

    advance()
    return lambda: harness.seconds(advance) / STEPS / lanes


WAYS = {"alone": alone, "in lax.scan": scanned, SWEPT: swept}


def torch_contenders(build: Callable[[], Any], shape: tuple[int, ...]) -> dict[str, Any]:
    """PyTorch at each number of threads and memory layout; none if it is not installed."""
    try:
        from benchmarks.peers import torch_steps
    except ImportError:
        print("PyTorch is not installed: its rows are left out (make parity brings it)")
        return {}
    return {
        f"{threads} thread(s){', channels last' if last else ''}": torch_steps.stepper(
            build(), shape, threads, last, STEPS
        )
        for threads in range(1, cores.count() + 1)
        for last in (False, True)
    }


def against_torch(
    name: str, ours: dict[str, Callable[[], float]], theirs: dict[str, Any], target: float
) -> tuple[list[Row], dict[str, Timing]]:
    """A row for each way of ours against the fastest of theirs, these measured in turn."""
    trials = {way: min(measure(), measure()) for way, measure in theirs.items()}
    best = min(trials, key=lambda way: trials[way], default="")
    kept = {best: theirs[best]} if theirs else {}
    timings = harness.alternate(REPEATS, *ours.values(), *kept.values())
    found = dict(zip([*ours, *kept], timings, strict=True))
    if not theirs:
        return [], found
    rows = [
        Row(
            f"{name}, {way}",
            1e3 * found[way].median,
            1e3 * found[best].median,
            f"PyTorch, {best}",
            "ms",
            found[best].median / found[way].median,
            None if way == SWEPT else target,
            f"ours {harness.spread_ms(found[way])}, theirs {harness.spread_ms(found[best])}",
        )
        for way in ours
    ]
    return rows, found


def _fastest(found: dict[str, Timing], theirs: dict[str, Any]) -> float:
    return min(timing.median for way, timing in found.items() if way in theirs)


def of_cnn() -> list[Row]:
    """The CNN against PyTorch, and what batch norm and dropout add to each."""
    batch = random_batch(CNN_SHAPE)
    plain = {way: measure(cnn(), batch) for way, measure in WAYS.items()}
    rows, before = against_torch(
        "CNN 28×28, 32–64 channels, batch 128", plain, torch_contenders(_torch_cnn, CNN_SHAPE), 1.0
    )
    more = {"in lax.scan": scanned(cnn(norm=True, dropout=0.5), batch)}
    theirs = torch_contenders(functools.partial(_torch_cnn, True, 0.5), CNN_SHAPE)
    found, after = against_torch("the same with batch norm and dropout", more, theirs, 1.0)
    rows += found
    if theirs:
        ours_added = after["in lax.scan"].median / before["in lax.scan"].median - 1
        torch_added = _fastest(after, theirs) / _fastest(before, theirs)
        rows.append(
            Row(
                "step with batch norm and dropout over step without, CNN",
                1 + ours_added,
                torch_added,
                "PyTorch, each at its best",
                "times",
                torch_added / (1 + ours_added),
                1.0,
            )
        )
    return rows


def of_resnet() -> list[Row]:
    """The residual network against PyTorch."""
    batch = random_batch(RESNET_SHAPE)
    ours = {way: measure(resnet(), batch) for way, measure in WAYS.items()}
    theirs = torch_contenders(_torch_resnet, RESNET_SHAPE)
    return against_torch("ResNet-20, 32×32×3, batch 64", ours, theirs, 0.85)[0]


def _torch_cnn(norm: bool = False, dropout: float = 0.0) -> Any:
    from benchmarks.peers import torch_steps

    return torch_steps.cnn(norm, dropout)


def _torch_resnet() -> Any:
    from benchmarks.peers import torch_steps

    return torch_steps.resnet(WIDTHS, BLOCKS)


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
    cost: Any = step.lower(state, batch).compile().cost_analysis()
    return float(cost["flops"])


def measure(quick: bool) -> list[Row]:
    """All rows that this machine can show."""
    rows = of_cnn()
    if not quick:
        rows += of_resnet()
    if jax.local_devices()[0].platform != "cpu":
        rows += on_accelerator()
    return rows


if __name__ == "__main__":
    harness.main(__doc__ or "", measure)
