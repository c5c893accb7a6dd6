"""Random changes of signals that keep their meaning, drawn from a key (Iwana & Uchida 2021).

https://doi.org/10.1371/journal.pone.0254841. Each function takes one signal `[T, C]`, float, and
one key, as those of `data.augmentation` take images; `augmentation.augment` applies them, and
`augmentation.noise`, to a batch. Strength 0 gives the signal back bit for bit; what comes into view
from outside is 0.
"""

import jax
import jax.numpy as jnp

from jaxdl.data.augmentation import Strength, _strength, _symmetric, _wide
from jaxdl.types import Array


def shift(signal: Array, key: Array, steps: Strength) -> Array:
    """Moved later by a number of −steps … steps, uniform; fractions are blended."""
    moved = _strength(steps) * _symmetric(key)
    return _read(signal, jnp.arange(len(signal), dtype=moved.dtype) - moved)


def stretch(signal: Array, key: Array, amount: Strength) -> Array:
    """Stretched about its middle by exp(u), u uniform in −log(1 + amount) … log(1 + amount)."""
    factor = jnp.exp(-jnp.log1p(_strength(amount)) * _symmetric(key))
    middle = (len(signal) - 1) / 2
    return _read(signal, middle + (jnp.arange(len(signal)) - middle) * factor)


def gain(signal: Array, key: Array, amount: Strength) -> Array:
    """Times exp(u), u as in `stretch`."""
    wide = _wide(signal)
    factor = jnp.exp(jnp.log1p(_strength(amount)) * _symmetric(key)).astype(wide)
    return (signal * factor).astype(signal.dtype)


def mask(signal: Array, key: Array, steps: Strength) -> Array:
    """`steps` steps on end set to 0, around one anywhere (Park et al. 2019 do so to spectra).

    Near an end a part of them lies outside.
    """
    half = _strength(steps) / 2
    away = jnp.arange(len(signal)) - jax.random.randint(key, (), 0, len(signal))
    return jnp.where(((-half <= away) & (away < half))[:, None], 0, signal)


def _read(signal: Array, places: Array) -> Array:
    """The signal at places `[T]` between its steps, by linear interpolation; 0 outside."""
    wide = _wide(signal)
    low = jnp.floor(places).astype(jnp.int32)
    share = (places - low).astype(wide)[:, None]

    def at(steps: Array) -> Array:
        inside = (steps >= 0) & (steps < len(signal))
        return jnp.where(inside[:, None], signal[jnp.clip(steps, 0, len(signal) - 1)], 0)

    return (at(low) * (1 - share) + at(low + 1) * share).astype(signal.dtype)
