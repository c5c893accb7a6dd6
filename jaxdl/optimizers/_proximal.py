"""Proximal and projected descent (Parikh & Boyd 2014, section 4.2).

x ← prox(x + u): where a chain of transformations would have taken the parameters by its update u,
an operator takes them on: a soft threshold, a projection.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from jaxdl.types import PyTree


def proximal(operator: Callable[[PyTree], PyTree]) -> optax.GradientTransformation:
    """Last of a chain: the step ends at `operator(params)` of where it would have ended."""

    def update(updates: PyTree, params: PyTree) -> PyTree:
        moved = operator(optax.apply_updates(params, updates))
        return jax.tree.map(jnp.subtract, moved, params)

    return optax.stateless(update)
