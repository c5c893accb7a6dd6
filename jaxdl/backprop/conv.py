"""Back-propagation of a convolution. LeCun et al. 1989, https://doi.org/10.1162/neco.1989.1.4.541

No padding, stride 1, images `[B, H, W, C]`, a kernel of k₁ × k₂ pixels; u, v run over the kernel,
i, j over the (H − k₁ + 1) × (W − k₂ + 1) positions:
    y[b,i,j,f] = β[f] + Σ_{u,v,c} x[b,i+u,j+v,c] · K[u,v,c,f]
With δ = ∂loss/∂y:
    ∂loss/∂K[u,v,c,f] = Σ_{b,i,j} x[b,i+u,j+v,c] · δ[b,i,j,f]
    ∂loss/∂β[f] = Σ_{b,i,j} δ[b,i,j,f]
    ∂loss/∂x[b,p,q,c] = Σ_{u,v,f} δ[b,p−u,q−v,f] · K[u,v,c,f]   (δ is zero outside its positions)
"""

import itertools
from collections.abc import Iterator

import jax.numpy as jnp

from jaxdl.numerics import narrowed, wide
from jaxdl.types import Array


def forward(x: Array, kernel: Array, bias: Array) -> Array:
    """Outputs of x `[B, H, W, C]`, kernel `[k₁, k₂, C, F]` and bias `[F]`."""
    height, width = x.shape[1] - kernel.shape[0] + 1, x.shape[2] - kernel.shape[1] + 1
    given, (x, kernel, bias) = x, wide(x, kernel, bias)
    y = jnp.broadcast_to(bias, (len(x), height, width, len(bias)))
    for u, v in _offsets(kernel):
        y += x[:, u : u + height, v : v + width] @ kernel[u, v]
    return narrowed(y, given)


def backward(x: Array, kernel: Array, delta: Array) -> tuple[Array, Array, Array]:
    """Gradients by x, kernel and bias (of their shapes) from δ = ∂loss/∂y, of the shape of y."""
    height, width = delta.shape[1:3]
    given, (x, kernel, delta) = (x, kernel, delta), wide(x, kernel, delta)
    by_x, by_kernel = jnp.zeros_like(x), jnp.zeros_like(kernel)
    for u, v in _offsets(kernel):
        seen = x[:, u : u + height, v : v + width]
        by_kernel = by_kernel.at[u, v].set(jnp.einsum("bijc,bijf->cf", seen, delta))
        # Pixel (i + u, j + v) was seen by position (i, j): what comes back is added where it was.
        by_x = by_x.at[:, u : u + height, v : v + width].add(delta @ kernel[u, v].T)
    by_bias = delta.sum(axis=(0, 1, 2))
    return narrowed(by_x, given[0]), narrowed(by_kernel, given[1]), narrowed(by_bias, given[2])


def _offsets(kernel: Array) -> Iterator[tuple[int, int]]:
    return itertools.product(range(kernel.shape[0]), range(kernel.shape[1]))
