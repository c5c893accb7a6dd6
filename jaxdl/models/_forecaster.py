"""Quantiles of what comes next, said relative to the last value.

Zeng et al. 2022, https://arxiv.org/abs/2205.13504 (NLinear), for any network.
"""

import flax.linen as nn
import jax.numpy as jnp

from jaxdl.types import Array


class Forecaster(nn.Module):
    """The next values of windows, `x [B, T, D]` to `[B, horizon, D, Q]`, in ascending order.

    network: `(x [B, T, D], train=...) -> [B, horizon · D · Q]`, such as an `MLP`, or an `Acceptor`
    of a recurrent layer. The last value of a window is taken off all of them before, and added
    after: forecasts move with the level of the series, and a network of zeros is persistence.
    Quantiles are sorted, so that they never cross (Chernozhukov et al. 2010).
    Raises ValueError for a network whose outputs are no multiple of horizon · D.
    """

    network: nn.Module
    horizon: int

    @nn.compact
    def __call__(self, x: Array, *, train: bool = False) -> Array:
        batch, _, columns = x.shape
        last = x[:, -1:]
        found = self.network(x - last, train=train)
        if found.shape[-1] % (self.horizon * columns):
            raise ValueError(
                f"{found.shape[-1]} outputs are not {self.horizon} steps of {columns} columns"
            )
        changes = found.reshape(batch, self.horizon, columns, -1)
        return last[..., None] + jnp.sort(changes, axis=-1)
