"""Runs made of runs: on what a trial makes of the data, with a measurement before training."""

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp

from jaxdl import keys
from jaxdl.data import batches
from jaxdl.sweep.run import Data, Run
from jaxdl.types import Array, PyTree, TrainState


def on(chosen: Callable[[PyTree, Array, Data], Data], run: Run) -> Run:
    """The run on the data `chosen(hparams, key, data)`: a case of several, rows that a seed draws.

    key: in `init` that of the trial; afterwards `state.key`, which stays the same to the end.
    """
    return Run(
        lambda hparams, key, data: run.init(hparams, key, chosen(hparams, key, data)),
        lambda hparams, state, data: run.advance(hparams, state, chosen(hparams, state.key, data)),
        lambda hparams, state, data: run.evaluate(hparams, state, chosen(hparams, state.key, data)),
    )


def on_part(name: str, run: Run) -> Run:
    """The run on `data[name]`, of a sweep whose programs have data of their own."""
    return on(lambda hparams, key, data: data[name], run)


def drawn_examples(key: Array, data: Data, count: int) -> Data:
    """The data with so many rows of the training part, each at most once, which a key draws."""
    rows = batches.permutation(keys.named(key, "examples"), len(jax.tree.leaves(data["train"])[0]))
    return {**data, "train": batches.take(data["train"], rows[:count])}


def few_examples(count: int, run: Run) -> Run:
    """The run whose training part is `drawn_examples`, in its first step, too."""
    return on(lambda hparams, key, data: drawn_examples(key, data, count), run)


def only(names: Sequence[str], index: Array, value: Array) -> dict[str, Array]:
    """The value at the name of this index, and 0 at the others: one of several strengths, say."""
    return {name: value * (index == number) for number, name in enumerate(names)}


def few_labels(run: Run) -> Run:
    """The run that trains on as many examples as `hparams["labels"]` says, drawn by its key.

    What else the run does with the training part (its first step, say) is as it was.
    """

    def drawn(hparams: PyTree, key: Array, data: Data) -> Data:
        count = len(jax.tree.leaves(data["train"])[0])
        rows = batches.part_indices(keys.named(key, "labelled"), count, hparams["labels"])
        return {**data, "train": batches.take(data["train"], rows)}

    return run._replace(advance=on(drawn, run).advance)


def of_hparams(make: Callable[[PyTree], Run]) -> Run:
    """The run `make(hparams)`, whose order of examples or patience, say, is traced."""
    return Run(
        lambda hparams, key, data: make(hparams).init(hparams, key, data),
        lambda hparams, state, data: make(hparams).advance(hparams, state, data),
        lambda hparams, state, data: make(hparams).evaluate(hparams, state, data),
    )


def keeping_first(measure: Callable[[PyTree, TrainState, Data], PyTree], run: Run) -> Run:
    """The run with what `measure(hparams, state, data)` says before training as `model_state`.

    There the run's `evaluate` finds it. Raises ValueError for a model with a state of its own.
    """

    def init(hparams: PyTree, key: Array, data: Data) -> TrainState:
        state = run.init(hparams, key, data)
        if jax.tree.leaves(state.model_state):
            raise ValueError("the model has a state of its own, and no place for another is left")
        return state._replace(model_state=measure(hparams, state, data))

    def advance(
        hparams: PyTree, state: TrainState, data: Data
    ) -> tuple[TrainState, dict[str, Array]]:
        after, curves = run.advance(hparams, state._replace(model_state={}), data)
        return after._replace(model_state=state.model_state), curves

    return run._replace(init=init, advance=advance)


def numbered(measured: Mapping[str, Array]) -> dict[str, Array]:
    """Vectors `[N]` as scalars `name_1` … `name_N`, which a row of results can hold."""
    found: dict[str, Array] = {}
    for name, values in measured.items():
        places = range(len(values)) if jnp.ndim(values) else ()
        found |= {f"{name}_{place + 1}": values[place] for place in places} or {name: values}
    return found
