"""Modules of Flax NNX in tasks."""

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from jaxdl.params import BATCH_STATS
from jaxdl.tasks import linen
from jaxdl.tasks.networks import OTHER, Network, filled, name_of, plain
from jaxdl.types import Array, PyTree

if TYPE_CHECKING:
    from flax import nnx


def from_nnx(build: "Callable[[nnx.Rngs], nnx.Module]") -> Network:
    """A model that `build(rngs)` makes anew, whose `__call__` takes a batch.

    Parameters are its `nnx.Param`s, as nested dicts of arrays. Model state are the `nnx.BatchStat`s
    (`batch_stats`) and all else that it keeps (`other`), of which what it sows is left out. Whether
    it trains it is told by its `train()` and `eval()`, and by an argument of a name in
    `linen.IN_TRAINING` where its call has one. Every stream of random numbers in it begins at each
    step with a key of its own, drawn from the step's. TypeError for a traced rate of dropout.
    """
    from flax import nnx

    def made(rngs: nnx.Rngs) -> nnx.Module:
        module = build(rngs)
        _check_rates(module)
        return module

    def split(module: nnx.Module) -> tuple[Any, ...]:
        nnx.pop(module, nnx.Intermediate)
        graph, *states = nnx.split(module, nnx.Param, nnx.BatchStat, nnx.RngState, ...)
        return graph, *map(nnx.to_pure_dict, states)

    def init(key: Array, *inputs: PyTree) -> tuple[PyTree, PyTree]:
        _, params, statistics, _, others = split(made(nnx.Rngs(key)))
        return plain(params), _kept(statistics, others)

    def apply(
        params: PyTree,
        model_state: PyTree,
        *inputs: PyTree,
        train: bool,
        key: Array | None = None,
        named: Mapping[str, PyTree] = MappingProxyType({}),
    ) -> tuple[Any, PyTree]:
        graph, *shapes = split(nnx.eval_shape(lambda: made(nnx.Rngs(0))))
        like_params, like_statistics, streams, like_others = shapes
        module = nnx.merge(
            graph,
            filled(like_params, params),
            filled(like_statistics, model_state.get(BATCH_STATS, {})),
            _seeded(streams, jax.random.key(0) if key is None else key),
            filled(like_others, model_state.get(OTHER, {})),
            copy=True,
        )
        module.train() if train else module.eval()
        taken = inspect.signature(type(module).__call__).parameters
        outputs = module(*inputs, **linen.told(taken, train), **named)
        _, _, statistics, _, others = split(module)
        return outputs, _kept(statistics, others) if train else model_state

    return Network(init, apply, name_of(build))


def _check_rates(module: "nnx.Module") -> None:
    from flax import nnx

    for _, part in nnx.iter_modules(module):
        rate: Any = part.rate if isinstance(part, nnx.Dropout) else None
        if isinstance(rate, jax.core.Tracer):
            raise TypeError(
                "flax.nnx.Dropout compares its rate with 0, and this rate is traced (a "
                "hyperparameter): that of jaxdl.layers.Dropout, of Linen, may be, and so may that "
                "of equinox.nn.Dropout"
            )


def _kept(statistics: PyTree, others: PyTree) -> dict[str, PyTree]:
    kept = {BATCH_STATS: plain(statistics), OTHER: plain(others)}
    return {name: tree for name, tree in kept.items() if tree}


def _seeded(streams: PyTree, key: Array) -> PyTree:
    """Counts of 0, and a key for each place: with one for all, layers would drop alike."""
    leaves, structure = jax.tree.flatten(streams)
    filling = [
        jax.random.split(own, leaf.shape)
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        else jnp.zeros(leaf.shape, leaf.dtype)
        for own, leaf in zip(jax.random.split(key, max(1, len(leaves))), leaves, strict=False)
    ]
    return jax.tree.unflatten(structure, filling)
