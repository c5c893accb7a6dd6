"""A layer on the last axis of an array of any rank, as one matrix product."""

from collections.abc import Callable

from jaxdl.types import Array


def by_rows(layer: Callable[[Array], Array], x: Array) -> Array:
    """A layer of `[R, D]` to `[R, H]` on every row of x: `[..., D]` to `[..., H]`."""
    # The gradient of a product over two axes of rows is slow on CPU.
    found = layer(x.reshape(-1, x.shape[-1]))
    return found.reshape(*x.shape[:-1], found.shape[-1])
