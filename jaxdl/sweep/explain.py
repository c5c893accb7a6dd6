"""Why a trial or a program of a sweep has no result, in one line that says what to do."""

import contextlib
import traceback
from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.sweep.chunk import DIVERGED, Record
from jaxdl.sweep.hosted import TRAIN, not_finite
from jaxdl.sweep.run import Data, Run
from jaxdl.types import Array

# UnexpectedTracerError is a leak, not a use of a number.
TRACED = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.NonConcreteBooleanIndexError,
)
TRACEBACK = "Traceback (most recent call last):"
NOT_OWN = ("site-packages", str(Path(__file__).parents[1]))
REMEDIES = {
    "optax/schedules": "jaxdl.optimizers.schedules has schedules that take a traced peak, and "
    "schedules.scaled(peak, shape) takes any schedule of peak 1",
    "flax/linen/stochastic": "jaxdl.layers.Dropout takes a traced rate",
}
OTHERWISE = (
    "choose by jnp.where or lax.cond instead of a Python if; what changes shapes, such as a width, "
    "needs one program for each value"
)


def reason(error: Exception, run: Run, hparams: Mapping[str, np.ndarray], data: Data) -> str:
    """What a program raised, in one line; for a hyperparameter that was used as a Python number,
    which one it is, where that happened, and the remedy; for one that the trials do not have, its
    name and those that they have."""
    message = f"{type(error).__name__}: {_said(error)}"
    if isinstance(error, KeyError) and (unknown := _unknown(run, hparams, data)):
        have = ", ".join(hparams) or "none"
        return f"the run asks for the hyperparameter {unknown!r}; its trials have {have}"
    if isinstance(error, KeyError) and error.args == (TRAIN,) and TRAIN not in data:
        have = ", ".join(data) or "none"
        return f"the run trains on data[{TRAIN!r}]; the splits that it was given are {have}"
    if not _is_of_tracing(error):
        return message
    names = [name for name in hparams if _needs_a_number(run, name, hparams, data)]
    frames = traceback.extract_tb(error.__traceback__)
    if error.__cause__ is not None:
        frames += traceback.extract_tb(error.__cause__.__traceback__)
    files = [frame.filename.replace("\\", "/") for frame in frames]
    remedies = (remedy for part, remedy in REMEDIES.items() if any(part in file for file in files))
    own = [f for f in frames if not any(part in f.filename for part in NOT_OWN)] or frames[-1:]
    where = f" in line {own[-1].lineno} of {own[-1].filename} ({own[-1].line})" if own else ""
    what = " and ".join(names) or "a traced value"
    return (
        f"{what} is used as a Python number{where}, but a program is compiled once for all its "
        f"values: {next(remedies, OTHERWISE)}"
    )


def _said(error: Exception) -> str:
    """The first line of a message, with what it announces where it ends with a colon."""
    first, *others = [line for line in f"{error}".splitlines() if line.strip()] or [""]
    if not first.endswith(":"):
        return first
    if first.endswith(TRACEBACK):  # of what a callback raised, whose own message is not indented
        others = [line for line in others if not line[0].isspace()]
    return " ".join([first.removesuffix(TRACEBACK).strip(), *map(str.strip, others[:1])])


class _Asked(dict[str, Array]):
    """Hyperparameters that remember a name they were asked for in vain."""

    unknown = ""

    def __missing__(self, name: str) -> Array:
        self.unknown = name
        raise KeyError(name)


def _unknown(run: Run, hparams: Mapping[str, np.ndarray], data: Data) -> str:
    """The name that the run asks its hyperparameters for, and that they do not have."""
    asked = _Asked({name: column[0] for name, column in hparams.items()})
    with contextlib.suppress(Exception):  # it failed before, and does so again
        jax.eval_shape(lambda seed, data: _whole(run, asked, seed, data), np.uint32(0), data)
    return asked.unknown


def _whole(run: Run, hparams: Mapping[str, Array], seed: Array, data: Data) -> dict[str, Array]:
    """A trial from its first to its last function."""
    state = run.init(hparams, jax.random.key(seed), data)
    state, _ = run.advance(hparams, state, data)
    return run.evaluate(hparams, state, data)


def _needs_a_number(run: Run, name: str, hparams: Mapping[str, np.ndarray], data: Data) -> bool:
    """Whether the run cannot be traced in this hyperparameter alone."""
    fixed = {each: column[0] for each, column in hparams.items() if each != name}

    def whole(value: Array, seed: Array, data: Data) -> dict[str, Array]:
        return _whole(run, {**fixed, name: value}, seed, data)

    try:
        jax.eval_shape(whole, hparams[name][0], np.uint32(0), data)
    # With the others as plain numbers it may fail otherwise, which says nothing of this one.
    except Exception as error:
        return _is_of_tracing(error)
    return False


def _is_of_tracing(error: BaseException | None) -> bool:
    # Of a traced shape, JAX says so in a plain TypeError.
    if isinstance(error, TRACED) or (isinstance(error, TypeError) and "Tracer" in str(error)):
        return True
    return error is not None and _is_of_tracing(error.__cause__)


def flaws(data: Data, record: Record) -> str:
    """What is to be said of trials that diverged: numbers in the data that are not finite."""
    if not (record.status == DIVERGED).any():
        return ""
    found = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(data):
        if jnp.issubdtype(leaf.dtype, jnp.inexact):
            count = not_finite(leaf)
            name = f"data{jax.tree_util.keystr(path)}"
            found += [f"; {name} holds {count} numbers that are not finite"] if count else []
    return "".join(found)
