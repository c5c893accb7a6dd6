"""Convolution with a backward pass that is fast in compiled loops on CPU, and its adjoint.

On CPU, XLA computes the gradients of `lax.conv` inside `lax.scan` 14 to 25 times slower than
outside (https://github.com/jax-ml/jax/issues/12868); its forward convolution is fast everywhere.
So both gradients are written as forward convolutions: that of the input with the flipped kernel,
that of the kernel (unless there are groups) with the output's gradient as kernel, a few images at a
time. Other backends get XLA's own gradients.
"""

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxdl.types import Array

Padding = Literal["SAME", "VALID", "EDGE"] | Sequence[tuple[int, int]]
"""`VALID`: none; `SAME`: ⌈N / stride⌉ outputs, odd one last; or (before, after) of each axis.
`EDGE`: as wide as `SAME`, of the values at the borders instead of zeros."""

IMAGES = 16
"""Whose part in the kernel's gradient is computed together: they are to stay in the cache."""


class _Geometry(NamedTuple):
    """What is static of a convolution: an entry of each tuple for each spatial axis."""

    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int


def output_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> int:
    """Positions of a kernel on an axis: ⌊(N + P − d(k − 1) − 1) / s⌋ + 1; P counts both sides.

    Raises ValueError if there is none.
    """
    reach = dilation * (kernel - 1) + 1
    if size + padding < reach:
        raise ValueError(
            f"a kernel that spans {reach} does not fit into {size} + {padding} padding"
        )
    return (size + padding - reach) // stride + 1


def convolve(
    x: Array,
    kernel: Array,
    *,
    strides: Sequence[int],
    padding: Padding = "SAME",
    dilation: Sequence[int],
    groups: int = 1,
) -> Array:
    """Cross-correlation of `x: [B, *spatial, C]` with `kernel: [*window, C / groups, F]`.

    Returns `[B, *positions, F]`. One or two spatial axes; `strides` and `dilation` have as many.
    With the `flipped` kernel it is convolution as mathematics has it, Σ_k w(k)·x(t − k), which
    commutes. Reverse-mode derivatives of any order; forward mode (`jax.jvp`) is not defined.
    """
    sides = _sides(x.shape[1:-1], kernel.shape[:-2], strides, padding, dilation)
    if padding == "EDGE":
        x, sides = jnp.pad(x, ((0, 0), *sides, (0, 0)), mode="edge"), ((0, 0),) * len(sides)
    return _convolve(_Geometry(tuple(strides), sides, tuple(dilation), groups), x, kernel)


def flipped(kernel: Array) -> Array:
    """`[*window, C, F]` turned round on every axis of its window."""
    return jnp.flip(kernel, range(kernel.ndim - 2))


def convolve_transpose(
    y: Array, kernel: Array, sizes: Sequence[int], strides: Sequence[int]
) -> Array:
    """The adjoint of `convolve(·, kernel, padding="SAME")` from inputs of these spatial sizes.

    `y: [B, *positions, F]`, `kernel: [*window, C, F]`; returns `[B, *sizes, C]`.
    """
    once = (1,) * len(strides)
    sides = _sides(sizes, kernel.shape[:-2], strides, "SAME", once)
    return _input_gradient(_Geometry(tuple(strides), sides, once, 1), tuple(sizes), y, kernel)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _convolve(geometry: _Geometry, x: Array, kernel: Array) -> Array:
    return _by_xla(geometry, x, kernel)


def _by_xla(geometry: _Geometry, x: Array, kernel: Array) -> Array:
    axes = "HW"[: len(geometry.strides)]
    return lax.conv_general_dilated(
        x,
        kernel,
        geometry.strides,
        geometry.padding,
        rhs_dilation=geometry.dilation,
        dimension_numbers=(f"N{axes}C", f"{axes}IO", f"N{axes}C"),
        feature_group_count=geometry.groups,
    )


def _forward(geometry: _Geometry, x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return _convolve(geometry, x, kernel), (x, kernel)


def _backward(
    geometry: _Geometry, residuals: tuple[Array, Array], dy: Array
) -> tuple[Array, Array]:
    if jax.default_backend() != "cpu":
        return jax.vjp(functools.partial(_by_xla, geometry), *residuals)[1](dy)
    x, kernel = residuals
    dx = _input_gradient(geometry, x.shape[1:-1], dy, kernel)
    return dx, _kernel_gradient(geometry, kernel.shape, x, dy)


_convolve.defvjp(_forward, _backward)


# Jitted, so that layers of equal shapes are traced and lowered once.
@functools.partial(jax.jit, static_argnums=(0, 1))
def _input_gradient(geometry: _Geometry, sizes: tuple[int, ...], dy: Array, kernel: Array) -> Array:
    """∂⟨y, dy⟩/∂x: what strides left out is put back as zeros, the kernel turned round."""
    window, axes = kernel.shape[:-2], len(sizes)
    between = [(0, 0, 0), *((0, 0, stride - 1) for stride in geometry.strides), (0, 0, 0)]
    dy = lax.pad(dy, jnp.zeros((), dy.dtype), between)
    sides = []
    for n, k, d, (before, _), m in zip(
        sizes, window, geometry.dilation, geometry.padding, dy.shape[1:-1], strict=True
    ):
        reach = d * (k - 1)
        sides.append((reach - before, n + before - m))
    # The groups' outputs become inputs: [*window, C/g, g, F/g] to [*window, F/g, g · C/g].
    own, features = kernel.shape[-2:]
    groups = geometry.groups
    turned = flipped(kernel).reshape(*window, own, groups, features // groups)
    turned = jnp.swapaxes(turned, -1, -3).reshape(*window, features // groups, groups * own)
    back = _Geometry((1,) * axes, tuple(sides), geometry.dilation, groups)
    return _convolve(back, dy, turned)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _kernel_gradient(geometry: _Geometry, shape: tuple[int, ...], x: Array, dy: Array) -> Array:
    """∂⟨y, dy⟩/∂kernel, summed over a few images at a time."""
    part = _by_convolution if geometry.groups == 1 else _by_products
    total = jnp.zeros(shape, jnp.promote_types(jnp.result_type(x, dy), jnp.float32))
    together = min(len(x), IMAGES)
    if not together:
        return total.astype(x.dtype)

    def cut(images: Array) -> Array:
        empty = -len(images) % together
        images = jnp.pad(images, ((0, empty), *((0, 0),) * (images.ndim - 1)))
        return images.reshape(-1, together, *images.shape[1:])

    def add(total: Array, images: tuple[Array, Array]) -> tuple[Array, None]:
        return total + part(geometry, shape, *images), None

    return lax.scan(add, total, (cut(x), cut(dy)))[0].astype(jnp.result_type(x, dy))


def _by_convolution(geometry: _Geometry, shape: tuple[int, ...], x: Array, dy: Array) -> Array:
    """A forward convolution whose channels are the images.

    `x` as `[C, *spatial, images]` with the kernel `dy`, `[*positions, images, F]`: what was between
    positions is now between the kernel's values, strides are dilation and dilation is strides.
    """
    used, sides = [], []
    for n, k, s, d, (before, _), m in zip(
        x.shape[1:-1],
        shape[:-2],
        geometry.strides,
        geometry.dilation,
        geometry.padding,
        dy.shape[1:-1],
        strict=True,
    ):
        reach = (m - 1) * s + (k - 1) * d + 1 - before
        used.append(slice(max(min(n, reach), 0)))
        sides.append((before + min(reach, 0), max(reach - n, 0)))
    around = _Geometry(geometry.dilation, tuple(sides), geometry.strides, 1)
    # XLA would fold the transpositions into a convolution for which it has no fast form.
    x, dy = lax.optimization_barrier(
        (jnp.moveaxis(x[(slice(None), *used)], (0, -1), (-1, 0)), jnp.moveaxis(dy, 0, -2))
    )
    return jnp.moveaxis(_convolve(around, x, dy), 0, -2)


def _by_products(geometry: _Geometry, shape: tuple[int, ...], x: Array, dy: Array) -> Array:
    """What each position sees, times what it passes on, for each group."""
    *window, own, features = shape
    groups = geometry.groups
    # In gradients of gradients padding may be negative, which `jnp.pad` refuses.
    sides = [(0, 0, 0), *((before, after, 0) for before, after in geometry.padding), (0, 0, 0)]
    x = lax.pad(x, jnp.zeros((), x.dtype), sides)
    seen = jnp.stack(
        list(shifts(x, window, geometry.strides, geometry.dilation, dy.shape[1:-1])), axis=-2
    )
    seen = seen.reshape(-1, math.prod(window), groups, own)
    dy = dy.reshape(-1, groups, features // groups)
    return jnp.einsum("nwgc,ngf->wcgf", seen, dy).reshape(shape)


def _sides(
    sizes: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    padding: Padding,
    dilation: Sequence[int],
) -> tuple[tuple[int, int], ...]:
    """(before, after) of each axis. ValueError for a kernel that does not fit, another padding."""
    if padding == "VALID":
        found = [(0, 0)] * len(sizes)
    elif padding in ("SAME", "EDGE"):
        found = []
        for size, kernel, stride, spread in zip(sizes, window, strides, dilation, strict=True):
            last = (math.ceil(size / stride) - 1) * stride
            total = max(last + spread * (kernel - 1) + 1 - size, 0)
            found.append((total // 2, total - total // 2))
    elif isinstance(padding, str):
        raise ValueError(f"padding {padding!r}: SAME, VALID, EDGE, or (before, after) of each axis")
    else:
        found = [(before, after) for before, after in padding]
    for n, k, s, d, sides in zip(sizes, window, strides, dilation, found, strict=True):
        output_size(n, k, s, sum(sides), d)
    return tuple(found)


def shifts(
    x: Array,
    window: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    counts: Sequence[int],
) -> Iterator[Array]:
    """`x` at each offset of the window in row-major order, every one `[B, *positions, C]`."""
    for offset in itertools.product(*map(range, window)):
        index = tuple(
            slice(o * d, o * d + (n - 1) * s + 1, s)
            for o, d, s, n in zip(offset, dilation, strides, counts, strict=True)
        )
        yield x[(slice(None), *index)]
