"""Whether a model can memorize a batch."""

from typing import NamedTuple

import jax
import optax

from jaxdl import train
from jaxdl.types import Array, Batch, Task

NEAR_ZERO = 0.01


class Overfit(NamedTuple):
    """Mean metrics (`loss`, `accuracy` ...) before and after; memorized: the loss came near 0."""

    first: dict[str, float]
    last: dict[str, float]
    memorized: bool


def overfit_batch(
    task: Task,
    tx: optax.GradientTransformation,
    key: Array,
    batch: Batch,
    steps: int,
    near_zero: float = NEAR_ZERO,
) -> Overfit:
    """Trains on one small batch alone: a model, loss and optimizer that work can memorize it.

    near_zero: in the unit of the loss. A loss that does not get there points to an error in the
    code or at a model or rate that is too small, before any time is spent on the whole data.
    """

    @jax.jit
    def run(key: Array, batch: Batch) -> tuple[dict[str, Array], dict[str, Array]]:
        state = train.init(task, tx, key, batch)
        first = train.measure(task, state, batch)
        state, _ = jax.lax.scan(
            lambda state, _: (train.step(task, tx, state, batch)[0], None), state, None, steps
        )
        return train.mean(first), train.mean(train.measure(task, state, batch))

    first, last = ({name: float(m) for name, m in means.items()} for means in run(key, batch))
    return Overfit(first, last, last["loss"] < near_zero)
