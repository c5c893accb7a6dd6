"""Parts of the parameters: freeze some, a rate for each layer (Yosinski et al. 2014), layers that
join in one after the other (Howard & Ruder 2018, https://arxiv.org/abs/1801.06146), an optimizer
for each group.

Paths and patterns are those of `jaxdl.params`.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from jaxdl.params import by_path, paths
from jaxdl.types import Array, PyTree


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Frozen:
    """The paths of the parameters that stay; a note in an optimizer's state, without arrays."""

    paths: tuple[str, ...]


class FreezeState(NamedTuple):
    frozen: Frozen
    inner: PyTree


def freeze(tx: optax.GradientTransformation, pattern: str) -> optax.GradientTransformationExtraArgs:
    """`tx` for all leaves but those whose path matches: they keep their bits.

    What `tx` adds by itself, such as weight decay, does not reach them, and it keeps no state for
    them. A module of which all parameters are frozen stays the function that it is after training:
    `train.step` leaves its model state as it was, and batch norm in it uses its running statistics
    (dropout in it still draws). Raises ValueError in `init` if no path matches, and in a step where
    a frozen module cannot be told to use them; no gradient may be None (`optax.partition`).
    """

    def labels(params: PyTree) -> PyTree:
        frozen = by_path(params, pattern)
        return jax.tree.map(lambda still: "frozen" if still else "trained", frozen)

    partition = optax.partition({"trained": tx, "frozen": optax.set_to_zero()}, labels)

    def init(params: PyTree) -> FreezeState:
        chosen = zip(paths(params), jax.tree.leaves(labels(params)), strict=True)
        held = tuple(path for path, label in chosen if label == "frozen")
        return FreezeState(Frozen(held), partition.init(params))

    def update(
        updates: PyTree, state: FreezeState, params: PyTree | None = None, **extra_args: Any
    ) -> tuple[PyTree, FreezeState]:
        updates, inner = partition.update(updates, state.inner, params, **extra_args)
        return updates, state._replace(inner=inner)

    return optax.GradientTransformationExtraArgs(init, update)


def partition_by_path(
    groups: Mapping[str, optax.GradientTransformation],
) -> optax.GradientTransformationExtraArgs:
    """Each group of parameters by a transformation of its own: Muon for matrices, Adam for others.

    groups: `{pattern: transformation}`; a leaf belongs to the first pattern that its path matches,
        so that `""`, last, stands for all others. `optax.set_to_zero()` holds a group's parameters,
        not the running statistics among them (`freeze` does).
    A transformation sees its own group alone: a clip by the global norm in it is by the group's,
    around the partition by that of all. No gradient may be None (`optax.partition`). Raises
    ValueError in `init` for a pattern to which no leaf belongs, and for a leaf without a group.
    """

    def labels(params: PyTree) -> PyTree:
        found = [_first(groups, path) for path in paths(params)]
        alone = [path for path, label in zip(paths(params), found, strict=True) if label is None]
        if alone:
            raise ValueError(
                f"{alone} match none of {list(groups)}; a last one, '', takes the rest"
            )
        idle = [pattern for pattern in groups if pattern not in found]
        if idle:
            raise ValueError(f"no parameter is left for {idle}; the paths are {paths(params)}")
        return jax.tree.unflatten(jax.tree.structure(params), found)

    return optax.partition(groups, labels)


def _first(patterns: Iterable[str], path: str) -> str | None:
    """The first of the patterns that the path matches."""
    return next((pattern for pattern in patterns if re.search(pattern, path)), None)


class HeldState(NamedTuple):
    """step: int32 [], of the optimizer around; inner: of the one that waits."""

    step: Array
    inner: PyTree


def unfreeze_gradually(
    tx: optax.GradientTransformation, groups: Sequence[str], every: ArrayLike
) -> optax.GradientTransformationExtraArgs:
    """`tx` for one group of layers after the other: number k joins in at step k · `every`.

    groups: patterns of paths, in the order of joining (from the head down in ULMFiT, one an epoch);
        a leaf belongs to the first that its path matches, and to the first group if none does.
    every: steps, may be traced; 0: all train from the start.
    Until then a group's parameters keep their bits, and each group has a state of `tx` of its own,
    which is fresh when it joins in. So `tx` is to be a `scale_by_adam`, say, with what goes by the
    time of all behind it: `chain(unfreeze_gradually(scale_by_adam(), ...),
    optax.scale_by_learning_rate(schedule))`. Frozen modules compute as in training, running
    statistics of theirs move. No gradient may be None (`optax.partition`). Raises ValueError in
    `init` for a pattern that no path matches.
    """

    def labels(params: PyTree) -> PyTree:
        for pattern in groups:
            by_path(params, pattern)

        def group(path: str) -> int:
            return next((k for k, pattern in enumerate(groups) if re.search(pattern, path)), 0)

        structure = jax.tree.structure(params)
        return jax.tree.unflatten(structure, [group(path) for path in paths(params)])

    waiting = {k: _held(tx, k * jnp.asarray(every)) for k in range(len(groups))}
    return optax.partition(waiting, labels)


def _held(tx: optax.GradientTransformation, start: Array) -> optax.GradientTransformationExtraArgs:
    """`tx` from step `start` on; before it no updates and the first state."""
    tx = optax.with_extra_args_support(tx)

    def init(params: PyTree) -> HeldState:
        return HeldState(jnp.zeros((), jnp.int32), tx.init(params))

    def update(
        updates: PyTree, state: HeldState, params: PyTree | None = None, **extra_args: Any
    ) -> tuple[PyTree, HeldState]:
        new, inner = tx.update(updates, state.inner, params, **extra_args)
        begun = state.step >= start
        updates = jax.tree.map(lambda leaf: jnp.where(begun, leaf, 0), new)
        inner = optax.tree.where(begun, inner, state.inner)
        return updates, HeldState(optax.safe_increment(state.step), inner)

    return optax.GradientTransformationExtraArgs(init, update)


def by_depth(groups: Sequence[str], decay: ArrayLike) -> dict[str, ArrayLike]:
    """Factors for `scale_by_path`: 1, decay, decay², ... for groups from the head down.

    Discriminative rates of ULMFiT: decay 1/2.6; 1: all have the same; may be traced.
    """
    return {pattern: decay**depth for depth, pattern in enumerate(groups)}


def scale_by_path(factors: Mapping[str, ArrayLike]) -> optax.GradientTransformationExtraArgs:
    """Multiplies the update of each leaf by the factor of the first pattern that its path matches.

    Last of a chain it gives each layer its own rate (Howard & Ruder 2018 divide by 2.6 from one
    layer to the one below); a factor of 0 freezes the parameters, not the running statistics among
    them (`freeze` does). Factors may be traced, other leaves keep theirs.
    Raises ValueError for a pattern that no path matches.
    """

    def update(updates: PyTree, params: PyTree | None = None) -> PyTree:
        del params
        for pattern in factors:
            by_path(updates, pattern)

        def scaled(path: str, leaf: PyTree) -> PyTree:
            pattern = _first(factors, path)
            return leaf if pattern is None else leaf * factors[pattern]

        leaves, structure = jax.tree.flatten(updates)
        pairs = zip(paths(updates), leaves, strict=True)
        return jax.tree.unflatten(structure, [scaled(path, leaf) for path, leaf in pairs])

    return optax.with_extra_args_support(optax.stateless(update))
