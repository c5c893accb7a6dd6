"""Learning-rate schedules as unit-peak shapes, `shape(step) -> [0, 1]`, to be scaled by a peak.

The peak stays a number apart from the shape, so it may be traced: `scaled(peak, cosine(1000))` is
a schedule under `vmap` over `peak`. Steps count from 0 and may be int32 scalars or arrays; results
are floating. Lengths and factors may be traced too. Steps and lengths beyond int32 are counted in
floats. A length of 0 is over at once: the shape is at its end from step 0 on; negative ones, and 0
where a shape has no end, raise ValueError if they are not traced.

Reducing the rate on a plateau is no shape but a transform with state, since it looks at the loss:
`optax.chain(adam(rate), optax.contrib.reduce_on_plateau(...))`, updated with `value=loss`.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxdl.optimizers._averages import Scalar
from jaxdl.types import Array

Shape = Callable[[Scalar], Array]


def scaled(peak: Scalar, shape: Shape) -> Shape:
    """The schedule `peak · shape(step)`; peak: a scalar, traced or not."""
    return lambda step: peak * shape(step)


def switch(index: ArrayLike, shapes: Sequence[Shape]) -> Shape:
    """The shape `shapes[index]`, for an integer scalar `index` that may be traced.

    All shapes are computed, which costs less than a branch. An index past either end is clamped.
    """
    return lambda step: jnp.stack([shape(step) for shape in shapes])[jnp.asarray(index)]


def constant() -> Shape:
    """1 at every step."""
    return lambda step: jnp.ones_like(_time(_count(step)))


def step_decay(every: Scalar, factor: Scalar = 0.1) -> Shape:
    """`factor ^ ⌊t / every⌋`: a drop each `every` steps.

    every: > 0; a traced 0 gives the limit, 1 at step 0 and then `factor ^ ∞`.
    """
    every = _length("every", every, least="> 0")

    def shape(step: Scalar) -> Array:
        t = _count(step)
        drops = jnp.floor_divide(t, jnp.where(every > 0, every, 1))
        return _power(factor, jnp.where(every > 0, _time(drops), jnp.where(t > 0, jnp.inf, 0)))

    return shape


def milestones(boundaries: Sequence[Scalar], factor: Scalar = 0.1) -> Shape:
    """`factor ^ k` with k the number of boundaries reached: drops from those steps on."""
    bounds = [_count(b) for b in boundaries]
    return lambda step: _power(factor, sum(_time(_count(step) >= b) for b in bounds))


def exponential(steps: Scalar, factor: Scalar) -> Shape:
    """`factor ^ (t / steps)`: smooth, down to `factor` after `steps` steps.

    steps: > 0; a traced 0 gives the limit, 1 at step 0 and then `factor ^ ∞`.
    """
    steps = _length("steps", steps, least="> 0")

    def shape(step: Scalar) -> Array:
        t = _time(_count(step))
        passed = t / jnp.where(steps > 0, steps, 1)
        return _power(factor, jnp.where(steps > 0, passed, jnp.where(t > 0, jnp.inf, 0)))

    return shape


def inverse_time(rate: Scalar) -> Shape:
    """`1 / (1 + rate · t)`: half after 1 / rate steps."""
    return lambda step: 1 / (1 + rate * _time(_count(step)))


def cosine(steps: Scalar, floor: Scalar = 0.0) -> Shape:
    """`floor + (1 − floor)(1 + cos(πt / steps)) / 2`, then `floor` (Loshchilov & Hutter 2017)."""
    steps = _length("steps", steps)
    return lambda step: _ease(1.0, floor, _passed(_count(step), steps))


def linear_warmup(steps: Scalar) -> Shape:
    """`min(1, t / steps)` (Goyal et al. 2017); the update at step 0 has a rate of 0."""
    return warmup_then(steps, constant())


def warmup_then(steps: Scalar, shape: Shape) -> Shape:
    """`t / steps` for the first `steps` steps, then `shape` from its own step 0."""
    steps = _length("steps", steps)

    def warmed(step: Scalar) -> Array:
        after = _count(step) - steps
        return jnp.where(after < 0, _passed(_count(step), steps), shape(jnp.maximum(after, 0)))

    return warmed


def one_cycle(
    steps: Scalar,
    warmup_fraction: Scalar = 0.3,
    start: Scalar = 1 / 25,
    end: Scalar = 1 / 250_000,
) -> Shape:
    """From `start` up to 1 at ⌊warmup_fraction · steps⌋ and down to `end` at `steps`, by cosines.

    The cycle of Smith & Topin 2017; its cosine form and defaults are those of torch and optax.
    warmup_fraction: in (0, 1). The rise takes at least a step; of one step it is all there is.
    """
    steps, warmup_fraction = _length("steps", steps), _fraction("warmup_fraction", warmup_fraction)

    def cycle(step: Scalar) -> Array:
        t, top = _count(step), _whole(warmup_fraction, steps)
        fall = _ease(1.0, end, _passed(t - top, steps - top))
        return jnp.where((t < top) & (t < steps), _ease(start, 1.0, _passed(t, top)), fall)

    return cycle


def slanted_triangular(steps: Scalar, cut_fraction: Scalar = 0.1, ratio: Scalar = 32.0) -> Shape:
    """STLR of ULMFiT (Howard & Ruder 2018, eq. 3): a short linear rise, a long linear fall.

    `cut = ⌊T · cut_frac⌋`; `p = t / cut` before the cut, `1 − (t − cut) / (cut (1 / cut_frac − 1))`
    after it; the shape is `(1 + p (ratio − 1)) / ratio`, from 1 / ratio to 1 and back. Where the
    floor bites, the paper's p falls below 0 before step T (and the rate too): here it stays at 0.
    steps: T; cut_fraction: in (0, 1). The cut is at step 1 at the earliest.
    """
    steps, cut_fraction = _length("steps", steps), _fraction("cut_fraction", cut_fraction)

    def triangle(step: Scalar) -> Array:
        t, cut = _count(step), _whole(cut_fraction, steps)
        fall = 1 - _passed(t - cut, cut * (1 / cut_fraction - 1))
        p = jnp.where(t < cut, _passed(t, cut), fall)
        return (1 + p * (ratio - 1)) / ratio

    return triangle


def _length(name: str, steps: Scalar, least: str = "≥ 0") -> Scalar:
    """The length, as a float if int32 cannot hold it.

    Raises ValueError unless it is at `least` "≥ 0" or "> 0"; a traced one cannot raise.
    """
    if isinstance(steps, (int, float, np.number)):
        if not (steps >= 0 if least == "≥ 0" else steps > 0):
            raise ValueError(f"{name} is {steps}, needed is a number of steps {least}")
        return float(steps) if steps > np.iinfo(np.int32).max else steps
    return steps


def _fraction(name: str, value: Scalar) -> Scalar:
    if isinstance(value, (int, float, np.number)) and not 0 < value < 1:
        raise ValueError(f"{name} is {value}, needed is a fraction above 0 and below 1")
    return value


def _count(step: ArrayLike) -> Array:
    """A step in its own dtype, but as a float where int32 cannot hold it."""
    if not isinstance(step, jax.Array):
        host = np.asarray(step)
        if host.dtype.kind in "iu" and np.any(np.abs(np.float64(host)) > np.iinfo(np.int32).max):
            return jnp.asarray(np.float64(host), jnp.result_type(float))
    return jnp.asarray(step)


def _time(step: Scalar) -> Array:
    """The step in the default float dtype: int32 arithmetic gives float32 even under x64."""
    return jnp.asarray(step, jnp.result_type(float))


def _passed(step: Scalar, length: Scalar) -> Array:
    """The share of a length that has passed, from 0 to 1; a length of 0 is over at its start."""
    some = length > 0
    share = jnp.clip(_time(step) / jnp.where(some, _time(length), 1), 0, 1)
    return jnp.where(some, share, 1)


def _power(factor: Scalar, exponent: Scalar) -> Array:
    return jnp.power(factor, _time(exponent))


def _ease(start: Scalar, end: Scalar, fraction: Scalar) -> Array:
    """Half a cosine from `start` to `end` while `fraction` goes from 0 to 1."""
    turn = (1 + jnp.cos(jnp.pi * fraction)) / 2
    return end + (start - end) * turn


def _whole(fraction: Scalar, steps: Scalar) -> Array:
    """⌊fraction · steps⌋, at least 1."""
    # float32 first: in float64, 0.29 · 100 is 28.999999999999996.
    return _time(jnp.maximum(jnp.floor(jnp.asarray(fraction * steps, jnp.float32)), 1))
