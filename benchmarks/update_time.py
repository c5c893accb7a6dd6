"""What one update of an optimizer costs, in time and in memory traffic, and nothing but the update.

Every transformation of `jaxdl.optimizers` that optax has an equal of, against that; against
PyTorch's `foreach` optimizers at their best threads, and its fused ones. Parameters are those of a
small transformer (1 M) and of ResNet-50 (25 M), leaf by leaf; gradients are constant; parameters
and state are given up to the step that replaces them.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks import harness
from benchmarks.harness import Row
from jaxdl import _cpu
from jaxdl import optimizers as own
from jaxdl.types import PyTree

Shape = tuple[int, ...]

RATE, DECAY, BOUND = 1e-3, 1e-2, 1.0
REPEATS = 7
AS_FAST, AS_LITTLE = 1.0, 0.999
"""In memory traffic a counter of steps more is nothing."""


class Pair(NamedTuple):
    """A transformation of ours, its equal of optax's, the name of PyTorch's."""

    ours: optax.GradientTransformation
    theirs: optax.GradientTransformation
    torch: str | None


def pairs() -> dict[str, Pair]:
    """By the name of ours."""
    root = {"eps": 1e-8, "eps_in_sqrt": False, "decay": 0.9}
    averaged = optax.chain(optax.ema(0.9, debias=False), optax.scale_by_learning_rate(RATE))
    return {
        "sgd": Pair(own.sgd(RATE), optax.sgd(RATE), "sgd"),
        "momentum": Pair(own.momentum(RATE), optax.sgd(RATE, 0.9), "momentum"),
        "nesterov": Pair(own.nesterov(RATE), optax.sgd(RATE, 0.9, nesterov=True), "nesterov"),
        "momentum_averaged": Pair(own.momentum_averaged(RATE), averaged, None),
        "adagrad": Pair(own.adagrad(RATE), optax.adagrad(RATE), "adagrad"),
        "rmsprop": Pair(own.rmsprop(RATE), optax.rmsprop(RATE, **root), "rmsprop"),
        "rmsprop_centered": Pair(
            own.rmsprop_centered(RATE),
            optax.rmsprop(RATE, centered=True, **root),
            "rmsprop_centered",
        ),
        "rmsprop_momentum": Pair(
            own.rmsprop_momentum(RATE),
            optax.rmsprop(RATE, momentum=0.9, **root),
            "rmsprop_momentum",
        ),
        "adam": Pair(own.adam(RATE), optax.adam(RATE), "adam"),
        "adamw": Pair(
            own.adamw(RATE, weight_decay=DECAY), optax.adamw(RATE, weight_decay=DECAY), "adamw"
        ),
        "clip_by_value": Pair(own.clip_by_value(BOUND), optax.clip(BOUND), "clip_by_value"),
        "clip_by_global_norm": Pair(
            own.clip_by_global_norm(BOUND), optax.clip_by_global_norm(BOUND), "clip_by_global_norm"
        ),
        "adaptive_clip": Pair(own.adaptive_clip(), optax.adaptive_grad_clip(0.01), None),
        "add_weight_decay": Pair(
            own.add_weight_decay(DECAY), optax.add_decayed_weights(DECAY), None
        ),
    }


def transformer(width: int = 128, depth: int = 4, words: int = 1400) -> Iterator[Shape]:
    """Leaves of a GPT of 1 M parameters."""
    yield from ((words, width), (128, width))
    for _ in range(depth):
        for before, after in ((width, 3 * width), (width, width), (width, 4 * width)):
            yield from ((before, after), (after,))
        yield from ((4 * width, width), (width,), *4 * ((width,),))
    yield from 2 * ((width,),)


def resnet50() -> Iterator[Shape]:
    """The 161 leaves of ResNet-50, 25.6 M parameters (He et al. 2016)."""
    yield from ((7, 7, 3, 64), (64,), (64,))
    before = 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            kernels: list[Shape] = [(1, 1, before, width), (3, 3, width, width)]
            kernels.append((1, 1, width, 4 * width))
            if not block:
                kernels.append((1, 1, before, 4 * width))
            for kernel in kernels:
                yield from (kernel, kernel[-1:], kernel[-1:])
            before = 4 * width
    yield from ((2048, 1000), (1000,))


TREES: dict[str, Callable[[], Iterator[Shape]]] = {"1 M": transformer, "25 M": resnet50}


def values(tree: str) -> list[np.ndarray]:
    """Standard normal leaves."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape, np.float32) for shape in TREES[tree]()]


def updating(
    tx: optax.GradientTransformation, tree: str, steps: int
) -> tuple[Callable[[], float], float, float]:
    """Measures seconds of an update; MiB that it reads and writes, and that it holds besides."""
    params = [jnp.array(value) for value in values(tree)]
    grads = [value * 0.1 for value in params]

    def step(params: PyTree, state: PyTree, grads: PyTree) -> tuple[PyTree, PyTree]:
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    state = jax.jit(tx.init)(params)
    compiled = jax.jit(step, donate_argnums=(0, 1)).lower(params, state, grads).compile()
    cost = cast("dict[str, float]", compiled.cost_analysis())
    held = [compiled(params, state, grads)]

    def run() -> None:
        for _ in range(steps):
            held[0] = compiled(*held[0], grads)
        jax.block_until_ready(held[0])

    need = cast(Any, compiled.memory_analysis()).temp_size_in_bytes
    return lambda: harness.seconds(run) / steps, cost["bytes accessed"] / 2**20, need / 2**20


def of_tree(tree: str, names: list[str], steps: int) -> Iterator[Row]:
    """Rows of these transformations on a tree of parameters."""
    for name in names:
        pair = pairs()[name]
        ours, moved, held = updating(pair.ours, tree, steps)
        theirs, their_moved, their_held = updating(pair.theirs, tree, steps)
        torch = of_torch(pair.torch, tree, steps)
        mine, optaxs, *rest = harness.alternate(REPEATS, ours, theirs, *torch.values())
        case = f"update of {name}, {tree} parameters"
        yield harness.timed(case, mine, optaxs, "optax", target=AS_FAST)
        yield Row(
            f"memory traffic of an update of {name}, {tree} parameters",
            moved,
            their_moved,
            "optax",
            "MiB",
            their_moved / moved,
            AS_LITTLE,
            f"as XLA counts it, branches not taken too; {held:.3g} MiB held besides, by optax "
            f"{their_held:.3g}",
        )
        found = [
            harness.timed(case, mine, timing, label)
            for label, timing in zip(torch, rest, strict=True)
        ]
        for way in ("foreach", "fused"):
            # At the threads that are best for it.
            known = [row for row in found if f"'s {way}" in row.against]
            if known:
                yield min(known, key=lambda row: row.ratio)._replace(
                    target=AS_FAST if way == "foreach" else None
                )


def of_torch(name: str | None, tree: str, steps: int) -> dict[str, Callable[[], float]]:
    """Measures seconds of PyTorch's update, by its implementation and threads; none without it."""
    try:
        from benchmarks.peers import torch_updates
    except ImportError:
        print("peer absent: PyTorch (make parity brings it)")
        return {}
    if name is None:
        return {}
    return {
        f"PyTorch's {way}, {threads} thread(s)": torch_updates.updating(
            name, way, values(tree), threads, steps
        )
        for way in torch_updates.ways(name)
        for threads in range(1, _cpu.count() + 1)
    }


def rows(quick: bool) -> Iterator[Row]:
    """All of them."""
    yield from of_tree("1 M", ["adam", "momentum"] if quick else list(pairs()), 20)
    if not quick:
        yield from of_tree("25 M", list(pairs()), 3)


if __name__ == "__main__":
    harness.main(__doc__ or "", rows)
