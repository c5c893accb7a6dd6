"""What a user brings: told by what it returns, and shown to work before anything runs."""

import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl import sweep
from jaxdl._text import meant
from jaxdl.comparison.entrants import ENTRANTS, RATES, Entrant, Kind
from jaxdl.sweep.distributions import Distribution
from jaxdl.sweep.explain import reason
from jaxdl.types import Array, PyTree, TrainState, ValueOfOutputs

OPTIMIZER = "adam"
"""With which candidates of another kind are tried, tuned for each."""
PROBE = {
    "matrix": jax.ShapeDtypeStruct((4, 3), jnp.float32),
    "vector": jax.ShapeDtypeStruct((3,), jnp.float32),
}
"""Parameters on which an optimizer shows that it is one."""
STEPS, WEIGHTS, BATCH, CLASSES = 100, (8, 6), 4, 3
"""Of the training, the matrix and the labels on which the others do."""
FORMS = (
    "an optimizer is learning_rate -> optax transformation, a schedule steps -> shape(step), an "
    "initializer (key, shape, dtype) -> array, a loss (outputs, labels) -> one number an example"
)


def find(text: str, optimizer: str = OPTIMIZER) -> tuple[str, Entrant]:
    """An entrant by its name in `ENTRANTS`, or `module:attribute` of a file of the user's.

    The attribute is what `entrant` takes. A module is one that Python finds, also in the current
    folder, or the path of a file: `~/mine/rules.py:signs`. Raises ValueError, in one line.
    """
    if text in ENTRANTS:
        return text, ENTRANTS[text]
    module, colon, attribute = text.rpartition(":")
    if not colon:
        raise unknown(text, "optimizer", ENTRANTS)
    folder, name = Path.cwd(), module
    if module.endswith(".py"):
        path = Path(module).expanduser().resolve()
        if not path.is_file():
            raise ValueError(f"{text!r}: there is no file {path}")
        folder, name = path.parent, path.stem
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        found = importlib.import_module(name)
    # Whatever a user's module raises, a mistake in its syntax too; a script may end the program.
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
            raise ValueError(
                f"{text!r}: the module is not found: {error}; it is looked for in {folder} and "
                "where Python looks, or give the path of a file"
            ) from error
        raise ValueError(f"{text!r}: {type(error).__name__}: {error}") from error
    where = getattr(found, "__file__", None) or name
    if module.endswith(".py") and Path(where).resolve() != path:
        raise ValueError(f"{text!r}: Python has another module {name}, {where}: rename the file")
    if not hasattr(found, attribute):
        hint = meant(attribute, dir(found))
        raise ValueError(f"{text!r}: {where} has no {attribute!r}{hint}")
    return attribute, entrant(getattr(found, attribute), attribute, optimizer)


def unknown(text: str, kind: Kind, known: Collection[str]) -> ValueError:
    """What is wrong with a text that is no name and does not say where a function is."""
    if text.endswith(".py"):
        return ValueError(f"{text!r}: which function of this file? Give {text}:function")
    return ValueError(
        f"{text!r} is no {kind} here: give module:function or FILE:function of yours, or one of "
        f"{', '.join(known)}{meant(text, known)}"
    )


def entrant(
    candidate: Entrant | Callable[..., Any], name: str = "candidate", optimizer: str = OPTIMIZER
) -> Entrant:
    """What was given, as an entrant that has shown on small arrays that it works.

    Args:
        candidate: an `Entrant`; `learning_rate -> optax.GradientTransformation`, which may carry a
            `space` and `defaults` of its own as attributes; a schedule `steps -> shape`, the shape
            as in `optimizers.schedules`; an initializer `(key, shape, dtype) -> array`; a loss
            `(outputs, labels) -> [B]`.
            All hyperparameters are numbers.
        name: of it, for messages.
        optimizer: a name in `ENTRANTS`, with which a schedule, an initializer or a loss is tried.

    Raises:
        ValueError: in one line, for what is none of these, raises, or changes shapes or dtypes.
    """
    if isinstance(candidate, Entrant):
        _check_optimizer(candidate, name)
        for kind, part in _PARTS.items():
            if getattr(candidate, part) is not None:
                _CHECKS[kind](getattr(candidate, part), name)
        return candidate
    if not callable(candidate):
        raise ValueError(f"{name}: give a function learning_rate -> optax transformation ({FORMS})")
    kind = kind_of(candidate, name)
    if kind == "optimizer":
        space = getattr(candidate, "space", {"learning_rate": RATES})
        defaults = getattr(candidate, "defaults", {"learning_rate": 1e-3})
        made = Entrant(candidate, space, defaults)
        _check_optimizer(made, name)
        return made
    if optimizer not in ENTRANTS:
        raise ValueError(f"optimizer: {optimizer!r} is none of {', '.join(ENTRANTS)}")
    _CHECKS[kind](candidate, name)
    own: dict[str, Any] = {_PARTS[kind]: candidate}
    return ENTRANTS[optimizer]._replace(**own)


def kind_of(candidate: Callable[..., Any], name: str = "candidate") -> Kind:
    """What a candidate is, by what it takes and returns: of a `learning_rate` an optimizer.

    Raises ValueError for a function of two arguments that is neither an initializer nor a loss.
    """
    needed = _needed(candidate)
    if "learning_rate" in needed or hasattr(candidate, "space"):
        return "optimizer"
    if len(needed) < 2:
        made, _ = _tried(candidate, STEPS)
        transforms = isinstance(made, optax.GradientTransformation)
        return "schedule" if callable(made) and not transforms else "optimizer"
    drawn, of_key = _tried(candidate, jax.random.key(0), WEIGHTS, jnp.float32)
    if drawn is None:
        drawn, of_key = _tried(candidate, jax.random.key(0), WEIGHTS)
    if isinstance(drawn, optax.GradientTransformation):
        return "optimizer"
    if isinstance(drawn, jax.Array | np.ndarray):
        return "initializer"
    lost, of_labels = _tried(candidate, *_examples())
    if isinstance(lost, jax.Array | np.ndarray):
        return "loss"
    told = {
        "key": f"As an initializer it gives {of_key or type(drawn).__name__}",
        "outputs": f"As a loss it gives {of_labels or type(lost).__name__}",
    }
    otherwise = (
        "As an optimizer it is to need the rate alone: give the others defaults, or the function "
        "a `space` and `defaults`"
    )
    said = told.get(needed[0], otherwise)
    raise ValueError(f"{name} needs {' and '.join(needed)}. {said} ({FORMS})")


def _needed(candidate: Callable[..., Any]) -> list[str]:
    """The arguments that it does not go without."""
    try:
        parameters = inspect.signature(candidate).parameters.values()
    except (TypeError, ValueError):
        return []
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = (each for each in parameters if each.default is each.empty)
    return [each.name for each in needed if each.kind in positional]


def _tried(function: Callable[..., Any], *arguments: Any) -> tuple[Any, str]:
    """What it returns, or None and what it raises, in one line."""
    try:
        return function(*arguments), ""
    # Whatever a user's function raises; it may end the program.
    except (Exception, SystemExit) as error:
        said = " ".join(str(error).split())[:300]
        return None, type(error).__name__ + f": {said}" * bool(said)


def _examples() -> tuple[Array, Array]:
    """Outputs `[B, K]` and labels `[B]`."""
    outputs = jnp.linspace(-1.0, 1.0, BATCH * CLASSES).reshape(BATCH, CLASSES)
    return outputs, jnp.arange(BATCH, dtype=jnp.int32) % CLASSES


def _check_schedule(candidate: Callable[..., Any], name: str) -> None:
    shape = candidate(STEPS)
    for step in (0, STEPS // 2, STEPS - 1):
        found, raised = _tried(jax.jit(shape), jnp.int32(step))
        if raised:
            raise ValueError(f"{name}: its shape raises {raised} for a traced step")
        value = np.asarray(found)
        if value.shape or not np.isfinite(value) or value < 0:
            raise ValueError(
                f"{name}: its shape gives {value} at step {step} of {STEPS}: a share of the peak "
                "rate is needed, one number of 0 or more"
            )


def _check_initializer(candidate: Callable[..., Any], name: str) -> None:
    draw = jax.jit(lambda key: candidate(key, WEIGHTS, jnp.float32))
    drawn, raised = _tried(draw, jax.random.key(0))
    if raised:
        raise ValueError(f"{name} raises {raised} for a traced key, {WEIGHTS} and float32")
    if (drawn.shape, drawn.dtype) != (WEIGHTS, jnp.float32) or not jnp.isfinite(drawn).all():
        raise ValueError(
            f"{name} gives {drawn.dtype}{list(drawn.shape)} for the shape {WEIGHTS} and float32: "
            "an array of that shape and dtype is needed, all of it finite"
        )


def _check_loss(candidate: Callable[..., Any], name: str) -> None:
    values, raised = _tried(jax.jit(candidate), *_examples())
    if raised:
        raise ValueError(f"{name} raises {raised} for traced outputs and labels")
    if values.shape != (BATCH,) or not jnp.issubdtype(values.dtype, jnp.floating):
        raise ValueError(
            f"{name} gives {values.dtype}{list(values.shape)} for {BATCH} examples: a float for "
            "each of them is needed, no mean"
        )
    if not jnp.isfinite(values).all():
        raise ValueError(f"{name} is not finite for outputs between -1 and 1")


_CHECKS: dict[Kind, Callable[[Callable[..., Any], str], None]] = {
    "schedule": _check_schedule,
    "initializer": _check_initializer,
    "loss": _check_loss,
}
_PARTS: dict[Kind, str] = {"schedule": "shape", "initializer": "kernel_init", "loss": "loss"}
"""Of an `Entrant`."""


def _check_optimizer(entrant: Entrant, name: str) -> None:
    for what in ("space", "defaults"):
        given = getattr(entrant, what)
        if not isinstance(given, Mapping):
            raise ValueError(f"{name}: its {what} is to be a dict by hyperparameter, not {given!r}")
    for one, values in entrant.space.items():
        if not isinstance(values, Distribution):
            raise ValueError(f"{name}: the space of {one} is {values!r}, no LogUniform or the like")
    point = entrant.point()
    names = [one for one, value in point.items() if not isinstance(value, int | float | np.number)]
    if names:
        raise ValueError(f"{name}: {', '.join(names)}: give numbers, such as the index of a name")
    tx, raised = _tried(functools.partial(entrant.make, **point))
    if raised:
        raise ValueError(f"{name} cannot be made of {point}: {raised} ({FORMS})")
    if not isinstance(tx, optax.GradientTransformation):
        raise ValueError(
            f"{name} gives {type(tx).__name__}, not an optax.GradientTransformation (init, update)"
        )

    state, raised = _tried(jax.eval_shape, tx.init, PROBE)
    if raised:
        raise ValueError(f"{name}: its init raises {raised}")
    stepped, raised = _tried(jax.eval_shape, functools.partial(_step, tx), PROBE)
    if raised:
        raise ValueError(f"{name}: its update raises {raised}")
    updates, after = stepped
    wanted = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), PROBE)
    given = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), updates)
    if given != wanted:
        raise ValueError(f"{name}: updates of parameters {wanted} are {given}: they must be alike")
    _check_state(state, after, name)
    _check_traced(entrant, point, name)


def _check_state(before: PyTree, after: PyTree, name: str) -> None:
    """Raises ValueError for a state of other shapes or dtypes after an update: no loop takes it."""
    was, now = (
        {jax.tree_util.keystr(path): f"{leaf.dtype}{list(leaf.shape)}" for path, leaf in leaves}
        for leaves in map(jax.tree.leaves_with_path, (before, after))
    )
    apart = [where for where in {**was, **now} if was.get(where) != now.get(where)]
    if apart:
        first, then = (each.get(apart[0], "not there") for each in (was, now))
        raise ValueError(
            f"{name}: its state{apart[0]} is {first} at first and {then} after an update: shapes "
            "and dtypes must stay"
        )
    structures: list[Any] = [jax.tree.structure(state) for state in (before, after)]
    if structures[0] != structures[1]:
        raise ValueError(f"{name}: its update changes the structure of its state")


def _step(tx: optax.GradientTransformation, params: PyTree) -> tuple[PyTree, PyTree]:
    """The first update on a bowl, and the state after it."""

    def bowl(params: PyTree) -> Array:
        return optax.tree.norm(params, squared=True) / 2

    value, grad = jax.value_and_grad(bowl)(params)
    value_fn = ValueOfOutputs(lambda params: params, bowl)
    return optax.with_extra_args_support(tx).update(
        grad, tx.init(params), params, value=value, grad=grad, value_fn=value_fn
    )


def _check_traced(entrant: Entrant, point: Mapping[str, Any], name: str) -> None:
    """In a sweep all numbers are traced: one program is compiled for all their values."""

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        params = {part: jnp.zeros(leaf.shape, leaf.dtype) for part, leaf in PROBE.items()}
        return {"norm": optax.tree.norm(_step(entrant.make(**hparams), params)[0])}

    run = sweep.without_training(evaluate)
    kinds: dict[type, type] = {bool: np.bool_, int: np.int32}
    columns: dict[str, np.ndarray] = {
        one: np.array([value], kinds.get(type(value), np.float32)) for one, value in point.items()
    }
    traced = {one: column[0] for one, column in columns.items()}
    state = TrainState(*[jnp.zeros((), jnp.int32)] * 5)
    try:
        jax.eval_shape(lambda numbers: evaluate(numbers, state, sweep.NO_DATA), traced)
    # Whatever a user's function raises.
    except Exception as error:
        raise ValueError(f"{name}: {reason(error, run, columns, sweep.NO_DATA)}") from error
