"""Early stopping with patience, inside a compiled run (Prechelt 1998)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.sweep.run import Data, Run
from jaxdl.types import Array, PyTree, TrainState


class EarlyStopped(NamedTuple):
    """A training state, and the best one so far, which is the one that counts.

    current, best: whole states, so that training goes on, and the best is had, bit for bit
    value: the metric of `best`; nan before the first segment
    waited: segments since then, int32
    last: the last number of each curve, which its curves repeat once training has stopped
    """

    current: TrainState
    best: TrainState
    value: Array
    waited: Array
    last: dict[str, Array]

    @property
    def params(self) -> PyTree:
        """Those of the best state."""
        return self.best.params

    @property
    def model_state(self) -> PyTree:
        """That of the best state."""
        return self.best.model_state

    @property
    def step(self) -> Array:
        """Steps trained so far; it stands still once training has stopped."""
        return self.current.step


def early_stopping(
    run: Run,
    metric: str,
    patience: int | Array,
    better: Callable[[Array, Array], Array] = jnp.less,
) -> Run:
    """The run, stopped after `patience` segments in a row without improvement of a metric.

    patience: >= 1; a traced one below that is taken as 1
    metric: a name in the run's evaluation, of the validation split: `validation_loss`, say
    better: `(value, best) -> bool`; `jnp.less` for a loss, `jnp.greater` for an accuracy
    Evaluation is that of the best state, with its step as `best_step`. The state is `EarlyStopped`;
    a segment after the stop changes nothing, and under `lax.map` costs nothing. A metric that is
    nan is no improvement. Raises ValueError if there is no such metric, and for a patience below 1.
    """
    if not isinstance(patience, jax.Array) and patience < 1:
        raise ValueError(f"patience must be >= 1, not {patience}: nothing would be trained")
    patience = jnp.maximum(patience, 1) if isinstance(patience, jax.Array) else patience
    # Asked for its shapes and then called, a jitted function is traced once.
    segment = jax.jit(run.advance)

    def init(hparams: PyTree, key: Array, data: Data) -> Any:
        state = run.init(hparams, key, data)
        _, curves = jax.eval_shape(segment, hparams, state, data)
        last = {name: jnp.zeros((), curve.dtype) for name, curve in curves.items()}
        value = jnp.full((), jnp.nan, jnp.float32)
        return EarlyStopped(state, state, value, jnp.zeros((), jnp.int32), last)

    def advance(hparams: PyTree, state: Any, data: Data) -> tuple[Any, dict[str, Array]]:
        _, shapes = jax.eval_shape(segment, hparams, state.current, data)

        def go_on(state: EarlyStopped) -> tuple[EarlyStopped, dict[str, Array]]:
            current, curves = segment(hparams, state.current, data)
            found = run.evaluate(hparams, current, data)
            if metric not in found:
                raise ValueError(f"no metric {metric!r} to stop by, there are {', '.join(found)}")
            value = found[metric].astype(jnp.float32)
            first = jnp.isnan(state.value) & ~jnp.isnan(value)
            improved = first | better(value, state.value)
            best, value, waited = jax.lax.cond(
                improved,
                lambda: (current, value, jnp.zeros((), jnp.int32)),
                lambda: (state.best, state.value, state.waited + 1),
            )
            last = {name: curve[-1] for name, curve in curves.items()}
            return EarlyStopped(current, best, value, waited, last), curves

        def stand_still(state: EarlyStopped) -> tuple[EarlyStopped, dict[str, Array]]:
            return state, {n: jnp.full(s.shape, state.last[n], s.dtype) for n, s in shapes.items()}

        return jax.lax.cond(state.waited < patience, go_on, stand_still, state)

    def evaluate(hparams: PyTree, state: Any, data: Data) -> dict[str, Array]:
        return {**run.evaluate(hparams, state.best, data), "best_step": state.best.step}

    return Run(init, advance, evaluate)
