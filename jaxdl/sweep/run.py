"""One trial as a pure function of its hyperparameters, its key and the data."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl import keys, train
from jaxdl.data import batches
from jaxdl.initializers import Initializer
from jaxdl.optimizers.schedules import Shape, scaled
from jaxdl.types import Array, Batch, PyTree, Task, TrainState

if TYPE_CHECKING:
    from jaxdl.workloads import Workload

Data = Mapping[str, Any]
"""`train`: arrays [N, ...], or `Hosted`; other names: evaluation batches [num_batches, B, ...] with
masks."""
NO_DATA: Data = {"train": {"none": np.zeros(1, np.float32)}}
"""For runs that look at none."""
Record = Callable[[TrainState], dict[str, Array]]
"""Numbers of a state, to be curves."""
Step = Callable[[TrainState, Batch], tuple[TrainState, dict[str, Array]]]
"""`(state, batch) -> (state, curves)`, with a number for each curve."""


class Run(NamedTuple):
    """A trial as three pure functions; whatever is numeric in `hparams` is traced.

    init: `(hparams, key, data) -> TrainState`
    advance: `(hparams, state, data) -> (state, curves)`: one segment, with `state.step` moved on by
        the steps of training in it; each curve is [steps]. A curve whose last value is not finite
        means that the trial has diverged, unless all that it is evaluated by is finite.
        A `ByRows` is one.
    evaluate: `(hparams, state, data) -> {name: scalar}`
    """

    init: Callable[[PyTree, Array, Data], TrainState]
    advance: Callable[[PyTree, TrainState, Data], tuple[TrainState, dict[str, Array]]]
    evaluate: Callable[[PyTree, TrainState, Data], dict[str, Array]]


@dataclasses.dataclass(frozen=True)
class ByRows:
    """The `advance` of a run that knows before a segment which rows of `data["train"]` it reads.

    So these may stay on the host, see `Hosted`.

    rows: `(hparams, key, step, examples) -> [steps, ...]`, int32: the rows that each step of a
        segment reads, of so many examples, from `step` on; the key is that of the state.
    learn: `hparams -> step`, which is given these rows of all arrays.
    """

    rows: Callable[[PyTree, Array, Array, int], Array]
    learn: Callable[[PyTree], Step]
    __name__ = "advance"  # under which a trace of it is known

    def __call__(
        self, hparams: PyTree, state: TrainState, data: Data
    ) -> tuple[TrainState, dict[str, Array]]:
        """A segment on data that are all there."""
        step = self.learn(hparams)

        def body(state: TrainState, rows: Array) -> tuple[TrainState, dict[str, Array]]:
            return step(state, batches.take(data["train"], rows))

        examples = len(jax.tree.leaves(data["train"])[0])
        return jax.lax.scan(body, state, self.rows(hparams, state.key, state.step, examples))


def make_run(
    build: Callable[[PyTree], tuple[Task, optax.GradientTransformation]],
    *,
    steps: int,
    batch_size: int,
    order: Callable[[Array, int, int, Array, int], Array] = batches.shuffled_indices,
    eval_params: train.EvalParams | None = None,
    evaluate_train: int | None = None,
    accumulate: int = 1,
    reestimate: int = 0,
) -> Run:
    """The run that trains what `build(hparams)` returns, in segments of `steps` steps.

    order: `(key, n, batch_size, first_step, steps) -> [steps, batch_size]` indices of examples;
        pure in the step, so a segment boundary changes nothing. Ready made, in `data.batches`:
        `shuffled_indices` (each epoch anew), `repeated_indices` (the first epoch's order again and
        again) and `ordered_indices` (rows as they stand). The trial's key moves both the
        initialization and the order.
    eval_params: `(opt_state, params) -> params`, for optimizers evaluated elsewhere than they step.
    evaluate_train: evaluates `train` too, as `train_loss` and so on, so many rows at a time.
    reestimate: batches of the order's beginning from which batch norm's statistics are estimated
        anew before each evaluation, see `train.reestimate`.
    accumulate: batches of the order that go into one step, see `train.accumulated_step`.
    Raises ValueError for counts below 1 (of `reestimate`, below 0).
    """
    counts = {"steps": steps, "batch_size": batch_size, "accumulate": accumulate}
    counts |= {} if evaluate_train is None else {"evaluate_train": evaluate_train}
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} must be >= 1, not {count}")
    if reestimate < 0:
        raise ValueError(f"reestimate must be >= 0, not {reestimate}")
    one_step = train.step if accumulate == 1 else train.accumulated_step

    def rows(hparams: PyTree, key: Array, step: Array, examples: int) -> Array:
        key = batches.order_key(key)
        if accumulate == 1:
            return order(key, examples, batch_size, step, steps)
        found = order(key, examples, batch_size, step * accumulate, steps * accumulate)
        return found.reshape(steps, accumulate, batch_size)

    def init(hparams: PyTree, key: Array, data: Data) -> TrainState:
        first = {name: array[:batch_size] for name, array in data["train"].items()}
        return train.init(*_pair(build(hparams)), key, first)

    def learn(hparams: PyTree) -> Step:
        task, tx = _pair(build(hparams))

        def step(state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, Array]]:
            state, metrics = one_step(task, tx, state, batch)
            total, weight = metrics["loss"]
            # A batch of nothing but padding has no loss, and has not diverged.
            return state, {"loss": jnp.where(weight > 0, total / weight, 0)}

        return step

    def restated(task: Task, state: TrainState, data: Data) -> TrainState:
        examples = len(jax.tree.leaves(data["train"])[0])
        rows = order(batches.order_key(state.key), examples, batch_size, jnp.int32(0), reestimate)
        drawn = jax.random.split(keys.named(state.key, "statistics"), reestimate)
        moved = jax.lax.map(
            lambda x: train.batch_statistics(task, state, batches.take(data["train"], x[0]), x[1]),
            (rows, drawn),
        )
        return train.with_statistics(state, *jax.tree.map(lambda sums: sums.sum(axis=0), moved))

    def evaluate(hparams: PyTree, state: TrainState, data: Data) -> dict[str, Array]:
        task, _ = _pair(build(hparams))
        if eval_params is not None:
            if not reestimate:
                train.warn_of_statistics(state)
            state = state._replace(params=eval_params(state.opt_state, state.params))
        if reestimate:
            state = restated(task, state, data)
        splits = {name: split for name, split in data.items() if name != "train"}
        for name, split in splits.items():
            _check_padded(name, split)
        if evaluate_train is not None:
            splits = {"train": batches.padded_batches(data["train"], evaluate_train), **splits}
        results: dict[str, Array] = {}
        for name, split in splits.items():
            drawn = train.evaluation_keys(state, len(split["mask"]), name)
            metrics = jax.lax.map(lambda x: train.measure(task, state, *x), (split, drawn))
            means = train.mean(jax.tree.map(lambda sums: sums.sum(axis=0), metrics))
            results |= {f"{name}_{metric}": value for metric, value in means.items()}
        return results

    return Run(init, ByRows(rows, learn), evaluate)


def _pair(built: Any) -> tuple[Task, optax.GradientTransformation]:
    """What a `build` returned. TypeError for anything but a task and a transformation."""
    if isinstance(built, tuple) and len(built) == 2:
        task, tx = built
        if hasattr(task, "loss") and hasattr(tx, "update"):
            return task, tx
        given = f"({type(task).__name__}, {type(tx).__name__})"
    else:
        given = type(built).__name__
    raise TypeError(f"build returns (task, optax transformation), not {given}")


def by_rate(
    task: Task,
    optimizer: Callable[[Any], optax.GradientTransformation],
    shape: Shape | None = None,
) -> Callable[[PyTree], tuple[Task, optax.GradientTransformation]]:
    """The usual `build` of `make_run`: a task that is trained at the rate `learning_rate`.

    optimizer: `rate -> transformation`. shape: of a schedule, whose peak the rate then is.
    """

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        rate = hparams["learning_rate"]
        return task, optimizer(rate if shape is None else scaled(rate, shape))

    return build


def of_workload(
    workload: "Workload",
    optimizer: Callable[[PyTree], optax.GradientTransformation],
    *,
    segments: int = 1,
    kernel_init: Callable[[PyTree], Initializer] | None = None,
    loss: Callable[[Array, Array], Array] | None = None,
    eval_params: train.EvalParams | None = None,
) -> Run:
    """The run of a workload's whole budget, in segments after each of which it is evaluated.

    It takes the workload's `data()`; `workload._replace(steps=...)` has another budget.
    optimizer: `hparams -> transformation`. kernel_init: `hparams -> initializer`; loss: `(outputs,
    labels) -> [B]`; None: the workload's own. eval_params: as in `make_run`.
    Raises ValueError for segments that do not divide the steps.
    """
    if segments < 1 or workload.steps % segments:
        raise ValueError(
            f"segments: {workload.steps} steps of {workload.name} are not {segments} equal parts"
        )

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        init = None if kernel_init is None else kernel_init(hparams)
        return workload.made(init, loss), optimizer(hparams)

    return make_run(
        build,
        steps=workload.steps // segments,
        batch_size=workload.batch_size,
        order=workload.order,
        eval_params=eval_params,
    )


def online(
    build: Callable[[PyTree], tuple[Task, optax.GradientTransformation, Record]],
    batch: Callable[[PyTree, Array, Array | int, Data], Batch],
    evaluate: Callable[[PyTree, TrainState, Data], dict[str, Array]],
    steps: int,
) -> Run:
    """The run whose examples are drawn as it goes, in one segment of `steps` steps.

    build: `hparams -> (task, transformation, record)`; `record(state)` gives further curves, after
        each step.
    batch: `(hparams, key, step, data) -> batch`; the key is that of the state, in `init` the
        trial's.
    """

    def init(hparams: PyTree, key: Array, data: Data) -> TrainState:
        task, tx, _ = build(hparams)
        return train.init(task, tx, key, batch(hparams, key, 0, data))

    def advance(
        hparams: PyTree, state: TrainState, data: Data
    ) -> tuple[TrainState, dict[str, Array]]:
        task, tx, record = build(hparams)

        def body(state: TrainState, _: None) -> tuple[TrainState, dict[str, Array]]:
            examples = batch(hparams, state.key, state.step, data)
            state, metrics = train.step(task, tx, state, examples)
            return state, {"loss": train.mean(metrics)["loss"], **record(state)}

        return jax.lax.scan(body, state, None, steps)

    return Run(init, advance, evaluate)


def without_training(
    evaluate: Callable[[PyTree, TrainState, Data], dict[str, Array]],
    draw: Callable[[PyTree, Array, Data], PyTree] = lambda *_: {},
) -> Run:
    """The run that trains nothing: its rows are what `evaluate` says of their hyperparameters.

    draw: `(hparams, key, data) -> params` to look at; none by default.
    """

    def init(hparams: PyTree, key: Array, data: Data) -> TrainState:
        return TrainState(jnp.zeros((), jnp.int32), key, draw(hparams, key, data), {}, ())

    def advance(
        hparams: PyTree, state: TrainState, data: Data
    ) -> tuple[TrainState, dict[str, Array]]:
        return state, {"unchanged": jnp.ones(1)}

    return Run(init, advance, evaluate)


def _check_padded(split: str, batches: PyTree) -> None:
    mask = batches.get("mask") if isinstance(batches, Mapping) else None
    if mask is not None and mask.ndim == 2:
        return
    raise ValueError(
        f"data[{split!r}] is not evaluation batches [num_batches, B, ...] with a mask: "
        "data.batches.padded_batches(arrays, batch_size) makes them"
    )
