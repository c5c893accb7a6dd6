"""Learning-rate schedules as unit-peak shapes, `shape(step) -> [0, 1]`, to be scaled by a peak.

The peak stays a number apart from the shape, so it may be traced: `scaled(peak, cosine(1000))` is
a schedule under `vmap` over `peak`. Steps count from 0 and may be int32 scalars or arrays; results
are floating. Lengths and factors may be traced too.

Reducing the rate on a plateau is no shape but a transform with state, since it looks at the loss:
`optax.chain(adam(rate), optax.contrib.reduce_on_plateau(...))`, updated with `value=loss`.
"""

from collections.abc import Callable, Sequence

import jax.numpy as jnp

from jaxdl.optimizers.averages import Scalar
from jaxdl.types import Array

Shape = Callable[[Scalar], Array]


def scaled(peak: Scalar, shape: Shape) -> Shape:
    """The schedule `peak · shape(step)`; peak: a scalar, traced or not."""
    return lambda step: peak * shape(step)


def constant() -> Shape:
    """1 at every step."""
    return lambda step: jnp.ones_like(_time(step))


def step_decay(every: Scalar, factor: Scalar = 0.1) -> Shape:
    """`factor ^ ⌊t / every⌋`: a drop each `every` steps."""
    return lambda step: _power(factor, jnp.floor_divide(step, every))


def milestones(boundaries: Sequence[Scalar], factor: Scalar = 0.1) -> Shape:
    """`factor ^ k` with k the number of boundaries reached: drops from those steps on."""
    return lambda step: _power(factor, sum(_time(jnp.asarray(step) >= b) for b in boundaries))


def exponential(steps: Scalar, factor: Scalar) -> Shape:
    """`factor ^ (t / steps)`: smooth, down to `factor` after `steps` steps."""
    return lambda step: _power(factor, _time(step) / steps)


def inverse_time(rate: Scalar) -> Shape:
    """`1 / (1 + rate · t)`: half after 1 / rate steps."""
    return lambda step: 1 / (1 + rate * _time(step))


def cosine(steps: Scalar, floor: Scalar = 0.0) -> Shape:
    """`floor + (1 − floor)(1 + cos(πt / steps)) / 2`, then `floor` (Loshchilov & Hutter 2017)."""
    return lambda step: _ease(1.0, floor, _time(step) / steps)


def linear_warmup(steps: Scalar) -> Shape:
    """`min(1, t / steps)` (Goyal et al. 2017); the update at step 0 has a rate of 0."""
    return warmup_then(steps, constant())


def warmup_then(steps: Scalar, shape: Shape) -> Shape:
    """`t / steps` for the first `steps` steps, then `shape` from its own step 0."""

    def warmed(step: Scalar) -> Array:
        after = jnp.asarray(step) - steps
        return jnp.where(after < 0, _time(step) / steps, shape(jnp.maximum(after, 0)))

    return warmed


def one_cycle(
    steps: Scalar,
    warmup_fraction: Scalar = 0.3,
    start: Scalar = 1 / 25,
    end: Scalar = 1 / 250_000,
) -> Shape:
    """From `start` up to 1 at ⌊warmup_fraction · steps⌋ and down to `end` at `steps`, by cosines.

    The cycle of Smith & Topin 2017; its cosine form and defaults are those of torch and optax.
    warmup_fraction: in (0, 1).
    """

    def cycle(step: Scalar) -> Array:
        t, top = _time(step), _whole(warmup_fraction, steps)
        return jnp.where(
            t < top, _ease(start, 1.0, t / top), _ease(1.0, end, (t - top) / (steps - top))
        )

    return cycle


def slanted_triangular(steps: Scalar, cut_fraction: Scalar = 0.1, ratio: Scalar = 32.0) -> Shape:
    """STLR of ULMFiT (Howard & Ruder 2018, eq. 3): a short linear rise, a long linear fall.

    `cut = ⌊T · cut_frac⌋`; `p = t / cut` before the cut, `1 − (t − cut) / (cut (1 / cut_frac − 1))`
    after it; the shape is `(1 + p (ratio − 1)) / ratio`, from 1 / ratio to 1 and back. Where the
    floor bites, the paper's p falls below 0 before step T (and the rate too): here it stays at 0.
    steps: T; cut_fraction: in (0, 1).
    """

    def triangle(step: Scalar) -> Array:
        t, cut = _time(step), _whole(cut_fraction, steps)
        fall = 1 - (t - cut) / (cut * (1 / cut_fraction - 1))
        p = jnp.where(t < cut, t / cut, jnp.maximum(fall, 0))
        return (1 + p * (ratio - 1)) / ratio

    return triangle


def _time(step: Scalar) -> Array:
    """The step in the default float dtype: int32 arithmetic gives float32 even under x64."""
    return jnp.asarray(step, jnp.result_type(float))


def _power(factor: Scalar, exponent: Scalar) -> Array:
    return jnp.power(factor, _time(exponent))


def _ease(start: Scalar, end: Scalar, fraction: Scalar) -> Array:
    """Half a cosine from `start` to `end` while `fraction` goes from 0 to 1, `end` afterwards."""
    turn = (1 + jnp.cos(jnp.pi * jnp.clip(fraction, 0, 1))) / 2
    return end + (start - end) * turn


def _whole(fraction: Scalar, steps: Scalar) -> Array:
    """⌊fraction · steps⌋, at least 1."""
    # float32 first: in float64, 0.29 · 100 is 28.999999999999996.
    return _time(jnp.maximum(jnp.floor(jnp.asarray(fraction * steps, jnp.float32)), 1))
