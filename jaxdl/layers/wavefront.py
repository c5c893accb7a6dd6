"""A deep recurrent network along its diagonals: T + L − 1 steps instead of T·L.

Layer l at time t needs layer l at t − 1 and layer l − 1 at t, so what lies on a diagonal s = t + l
is independent: at step s layer l computes time s − l. Appleyard, Kočiský & Blunsom 2016,
https://arxiv.org/abs/1604.01946
"""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.initializers import side_by_side
from jaxdl.layers.cells import LSTM, Carry, Cell, Weights, first_bias
from jaxdl.numerics import cast
from jaxdl.types import Array


class Wavefront(nn.Module):
    """What a `Stack` of L equal layers `RNN` computes, with all layers in one product a step.

    `(x [B, T, H], carry, mask) -> (carries, outputs [B, T, H])`, carries, mask and outputs being
    those of `recurrent.Stack` without dropout. Inputs are as wide as the layers.
    features: H. layers: L. kernel_init, recurrent_init: of each gate of each layer alone.
    Params: those of one `RNN`, each with L in front; `stacked` makes them from a Stack's.
    Raises ValueError for inputs of another width.
    """

    features: int
    layers: int
    cell: Cell = LSTM
    kernel_init: Callable[..., Array] = nn.initializers.lecun_normal()
    recurrent_init: Callable[..., Array] = nn.initializers.orthogonal()
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(
        self,
        x: Array,
        carry: tuple[Carry, ...] | None = None,
        mask: Array | None = None,
        *,
        train: bool = False,
    ) -> tuple[tuple[Carry, ...], Array]:
        cell, width, batch = self.cell, self.features, x.shape[0]
        if x.ndim != 3 or x.shape[-1] != width:
            raise ValueError(f"inputs [batch, time, {width}] are needed, not {x.shape}")
        shape = (width, cell.gates * width)
        kernel = self.param("kernel", self._each(side_by_side(self.kernel_init, cell.gates)), shape)
        recurrent_init = side_by_side(self.recurrent_init, cell.gates)
        recurrent = self.param("recurrent_kernel", self._each(recurrent_init), shape)
        bias = self.param("bias", self._each(first_bias(cell)), shape[1:])
        own = {
            name: self.param(name, nn.initializers.zeros, (self.layers, rows, width))
            for name, rows in cell.weights
        }
        x, kernel, recurrent, bias = cast(self.dtype, x, kernel, recurrent, bias)
        own = {name: cast(self.dtype, weights)[0] for name, weights in own.items()}
        if mask is not None:
            mask = jnp.asarray(mask) != 0
            x = jnp.where(mask[..., None], x, 0)
        first = (jnp.zeros((self.layers, batch, width), x.dtype),) * cell.states
        if carry is not None:
            stacks = (jnp.stack(states) for states in zip(*carry, strict=True))
            first = cast(self.dtype, *stacks)
        real = _real(x.shape[1], self.layers, None if mask is None else mask.T)
        weights = kernel, recurrent, bias, own
        last, outputs = _unroll(cell, weights, jnp.swapaxes(x, 0, 1), first, real)
        if mask is not None:
            outputs = jnp.where(mask.T[..., None], outputs, 0)
        layers = tuple(tuple(state[layer] for state in last) for layer in range(self.layers))
        return layers, jnp.swapaxes(outputs, 0, 1)

    def _each(self, init: Callable[..., Array]) -> Callable[..., Array]:
        """The same initializer for every layer, each with a key of its own."""

        def of_all(key: Array, shape: tuple[int, ...]) -> Array:
            return jax.vmap(lambda key: init(key, shape))(jax.random.split(key, self.layers))

        return of_all


def stacked(params: Mapping[str, Any]) -> dict[str, Array]:
    """Params of a `Wavefront` from those of a `Stack` of layers `RNN`: `layers_0`, `layers_1`, ...

    Raises ValueError unless all layers, the first one too, have the same shapes.
    """
    layers = [params[f"layers_{number}"] for number in range(len(params))]
    shapes = [jax.tree.map(jnp.shape, dict(layer)) for layer in layers]
    for number, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ValueError(f"layer {number} has the shapes {shape}, the first one {shapes[0]}")
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(dict, layers))


def _unroll(
    cell: Cell,
    weights: tuple[Array, Array, Array, Weights],
    x: Array,
    carry: Carry,
    real: Array,
) -> tuple[Carry, Array]:
    """x `[T, B, H]`, carry `[L, B, H]` each, real `[S, L, B or 1, 1]` to (carry, h `[T, B, H]`)."""
    kernel, recurrent, bias, own = weights
    layers = len(kernel)
    # One product for what comes from below and what comes from before.
    both = jnp.concatenate([kernel, recurrent])

    def step(carry: Carry, now: tuple[Array, Array]) -> tuple[Carry, Array]:
        x, real = now
        h = jnp.concatenate([x[None], carry[0][:-1], carry[0]])
        a, u = jnp.split(jnp.einsum("lbh,lhg->lbg", h, both), 2)
        after, _ = jax.vmap(cell.forward)(own, carry, a + bias[:, None], u)
        after = tuple(jnp.where(real, *pair) for pair in zip(after, carry, strict=True))
        return after, after[0][-1]

    ahead = jnp.pad(x, ((0, layers - 1), (0, 0), (0, 0)))
    last, outputs = jax.lax.scan(step, carry, (ahead, real))
    return last, outputs[layers - 1 :]


def _real(length: int, layers: int, mask: Array | None) -> Array:
    """Where layer l has a time to compute at step s, booleans `[S, L, B or 1, 1]`."""
    time = jnp.arange(length + layers - 1)[:, None] - jnp.arange(layers)[None]
    within = ((time >= 0) & (time < length))[..., None]
    if mask is not None:
        within = within & mask[jnp.clip(time, 0, length - 1)]
    return within[..., None]
