"""Seconds of one training step (forward, backward, Adam), ours in three ways, and against PyTorch.

Ours alone (a compiled step in a Python loop, in a process with one device, as training of a single
network has it), inside `lax.scan`, and as a sweep runs it: a trial per device, many steps in a
scan. PyTorch at its best number of threads and memory layout. As a script: a process that is given
a `Problem`, says `ready`, and for each line of its input writes the seconds of a step alone.
"""

import contextlib
import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from benchmarks import harness
from benchmarks.harness import Row, Timing
from jaxdl import _cpu, sweep, train
from jaxdl.optimizers import adam
from jaxdl.types import Batch, Task, TrainState

if TYPE_CHECKING:
    from benchmarks.peers import torch_steps

REPEATS, STEPS = 5, 8
RATE = 1e-3
SWEPT = "a step of a sweep with a trial on each core"


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


def scanned(task: Task, batch: Batch, dtype: DTypeLike = jnp.float32) -> Callable[[], float]:
    """Measures seconds of a step inside `lax.scan`."""
    tx = adam(RATE)
    batch = jax.device_put(batch)
    state = jax.jit(lambda key: train.init(task, tx, key, batch))(jax.random.key(0))
    if jnp.issubdtype(batch["x"].dtype, jnp.floating):
        batch = {**batch, "x": batch["x"].astype(dtype)}

    @jax.jit
    def steps(state: TrainState, batch: Batch) -> TrainState:
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


class Problem(NamedTuple):
    """A task and a batch as a function of a module makes them, by name: so for another process."""

    module: str
    function: str
    arguments: Sequence[Any] = ()

    def made(self) -> tuple[Task, Batch]:
        return getattr(importlib.import_module(self.module), self.function)(*self.arguments)


@contextlib.contextmanager
def ways(problem: Problem) -> Iterator[dict[str, Callable[[], float]]]:
    """Measures seconds of a step in each of the three ways."""
    task, batch = problem.made()
    command = [sys.executable, "-m", "benchmarks.training_step", json.dumps(problem)]
    with in_own_process(command, {"JAX_NUM_CPU_DEVICES": "1"}) as step:
        yield {
            "alone": step,
            "in lax.scan": scanned(task, batch),
            SWEPT: swept(task, batch),
        }


def torch_cases(
    model: str, arguments: Sequence[Any], shape: Sequence[int]
) -> "list[torch_steps.Case]":
    """The `Case`s of `peers.torch_steps` at each number of threads and, of images, memory layout.

    None if PyTorch is not installed.
    """
    try:
        from benchmarks.peers import torch_steps
    except ImportError:
        print("PyTorch is not installed: its rows are left out (make parity brings it)")
        return []
    layouts = (False, True) if model in ("cnn", "resnet") else (False,)
    return [
        torch_steps.Case(model, arguments, shape, threads, last, STEPS)
        for threads in range(1, _cpu.count() + 1)
        for last in layouts
    ]


def against_torch(
    name: str,
    ours: dict[str, Callable[[], float]],
    cases: "Sequence[torch_steps.Case]",
    target: float,
    of_sweeps: float | None = None,
) -> tuple[list[Row], dict[str, Timing]]:
    """Rows for each way of ours against PyTorch's fastest case, and the timings by way.

    target, of_sweeps: ratios asked for, the second of a step of a sweep.
    PyTorch runs twice: in this process, where freed memory is kept (`_cpu.tune`), as "PyTorch",
    and in one of its own, where the allocator is as it comes.
    """
    if not cases:
        return [], dict(zip(ours, harness.alternate(REPEATS, *ours.values()), strict=True))
    from benchmarks.peers import torch_steps

    steppers = [torch_steps.stepper(case) for case in cases]
    tried = [min(measure(), measure()) for measure in steppers]
    fastest = tried.index(min(tried))
    case, here = cases[fastest], steppers[fastest]
    described = f"{case.threads} thread(s){', channels last' if case.channels_last else ''}"
    with in_own_process([sys.executable, torch_steps.__file__, json.dumps(case)]) as there:
        timings = harness.alternate(REPEATS, *ours.values(), here, there)
    found = dict(zip([*ours, "PyTorch", "PyTorch as it comes"], timings, strict=True))
    asked = {"PyTorch": (target, of_sweeps), "PyTorch as it comes": (None, None)}
    rows = [
        harness.timed(
            f"{name}, {way}",
            found[way],
            found[peer],
            f"{peer}, {described}",
            target=swept if way == SWEPT else least,
        )
        for way in ours
        for peer, (least, swept) in asked.items()
    ]
    return rows, found


@contextlib.contextmanager
def in_own_process(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> Iterator[Callable[[], float]]:
    """Measures seconds of a step in a process that holds nothing else, see `harness.answering`."""
    with harness.answering(command, environment=environment) as ask:
        ask("")
        yield lambda: ask("")[0]


if __name__ == "__main__":
    measured = alone(*Problem(*json.loads(sys.argv[1])).made())
    print("ready", flush=True)
    for _ in sys.stdin:
        print(measured(), flush=True)
