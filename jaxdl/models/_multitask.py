"""A shared trunk with a head for each task. Caruana 1997, https://doi.org/10.1023/A:1007379606734"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import flax.linen as nn
from jax.typing import DTypeLike

from jaxdl.types import Array


class Head(NamedTuple):
    """`outputs` K, and the `depth` of the head: how many layers of the trunk are below it."""

    outputs: int
    depth: int


class SharedTrunk(nn.Module):
    """An MLP, the trunk, with linear heads on any of its layers.

    features: widths of the trunk's layers, `trunk_0` the lowest
    heads: by name, with the parameters `head_NAME`. Heads of one depth share the whole trunk; an
        easier task on a lower layer makes a hierarchy (Søgaard & Goldberg 2016).
    Input `[B, ...]` is flattened to `[B, D]`; output `{name: [B, K]}`. ValueError for a head that
    is deeper than the trunk.
    """

    features: Sequence[int]
    heads: Mapping[str, Head]
    activation: Callable[[Array], Array] = nn.relu
    kernel_init: Callable[..., Array] = nn.initializers.he_normal()
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> dict[str, Array]:
        levels = [x.reshape(x.shape[0], -1)]
        for i, width in enumerate(self.features):
            dense = nn.Dense(
                width, kernel_init=self.kernel_init, name=f"trunk_{i}", dtype=self.dtype
            )
            levels.append(self.activation(dense(levels[-1])))
        outputs = {}
        for name, head in self.heads.items():
            if not 0 <= head.depth < len(levels):
                raise ValueError(
                    f"head {name!r} has depth {head.depth}, the trunk {len(self.features)} layers"
                )
            dense = nn.Dense(
                head.outputs, kernel_init=self.kernel_init, name=f"head_{name}", dtype=self.dtype
            )
            outputs[name] = dense(levels[head.depth])
        return outputs
