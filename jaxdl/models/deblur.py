"""Deblurring with a known kernel: a residual network, and the Wiener filter (1949) to compare with.

Residual learning: Zhang et al. 2017, https://arxiv.org/abs/1608.03981; half the resolution: Zhang
et al. 2018 (FFDNet), https://arxiv.org/abs/1710.04026
"""

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

from jaxdl.layers.conv import Conv
from jaxdl.ops.pooling import avg_pool
from jaxdl.types import Array


class ResidualDeblurrer(nn.Module):
    """x̂ = x + f(x), f a stack of 3 × 3 convolutions at half the resolution.

    As in FFDNet the four pixels of each square become channels, which quarters the work and doubles
    the field of view: 4 · layers + 2 pixels. f sees what the mean of 7 × 7 pixels leaves over, and
    its input and output are in units of `detail`: a deblurrer amplifies fine detail, which in the
    image itself is a thousandth of the variance, and learns it slowly there.
    features: channels of the hidden layers; layers: number of convolutions, two or more; detail:
    standard deviation of fine detail in the unit of the image. `[B, H, W, C]` in and out, any size.
    """

    features: int
    layers: int = 5
    detail: float = 0.05
    activation: Callable[[Array], Array] = nn.relu
    kernel_init: Callable[..., Array] = nn.initializers.he_normal()
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        height, width, channels = x.shape[1:]
        even = ((0, 0), (0, height % 2), (0, width % 2), (0, 0))
        y = jnp.pad((x - local_mean(x, 7)) / self.detail, even)
        y = pixels_to_channels(y)
        for _ in range(self.layers - 1):
            y = self.activation(
                Conv(self.features, (3, 3), kernel_init=self.kernel_init, dtype=self.dtype)(y)
            )
        # The network starts as the identity.
        y = Conv(4 * channels, (3, 3), kernel_init=nn.initializers.zeros_init(), dtype=self.dtype)(
            y
        )
        return x + self.detail * channels_to_pixels(y)[:, :height, :width]


def local_mean(x: Array, size: int) -> Array:
    """Mean of the size × size pixels around each, size odd, borders repeated: `[B, H, W, C]`."""
    reach = size // 2
    x = jnp.pad(x, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="edge")
    return avg_pool(avg_pool(x, (size, 1), (1, 1)), (1, size), (1, 1))


def pixels_to_channels(x: Array) -> Array:
    """`[B, 2H, 2W, C]` to `[B, H, W, 4C]`: each square of pixels, row by row."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height // 2, 2, width // 2, 2, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height // 2, width // 2, 4 * channels)


def channels_to_pixels(x: Array) -> Array:
    """The inverse of `pixels_to_channels`: `[B, H, W, 4C]` to `[B, 2H, 2W, C]`."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height, width, 2, 2, channels // 4)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, 2 * height, 2 * width, channels // 4)


def wiener(x: Array, kernel: Array, noise_to_signal: ArrayLike, exponent: ArrayLike) -> Array:
    """The Wiener filter X̂ = K* X / (|K|² + N/S), with N/S = noise_to_signal · |f|^exponent.

    x: blurred images `[B, H, W, C]`; kernel: `[k, k]`, k odd, centred; |f|: frequency in cycles per
    pixel. Images of the world have spectra S near |f|^−2, so an exponent near 2; with 0 the ratio
    is the same at all frequencies but 0, as the mean of an image is no noise. The image is
    continued by its mirror image, so that the periodic transform meets no edge.
    """
    height, width = x.shape[1:3]
    mirrored = jnp.pad(x, ((0, 0), (0, height), (0, width), (0, 0)), mode="symmetric")
    return wiener_periodic(mirrored, kernel, noise_to_signal, exponent)[:, :height, :width]


def wiener_periodic(
    x: Array, kernel: Array, noise_to_signal: ArrayLike, exponent: ArrayLike
) -> Array:
    """As `wiener`, for images that were blurred periodically."""
    height, width = x.shape[1:3]
    placed = (
        jnp.zeros((height, width), x.dtype).at[: kernel.shape[0], : kernel.shape[1]].set(kernel)
    )
    centre = [-(size // 2) for size in kernel.shape]
    response = jnp.fft.rfft2(jnp.roll(placed, centre, axis=(0, 1)))
    rows, columns = jnp.fft.fftfreq(height), jnp.fft.rfftfreq(width)
    frequency = jnp.hypot(rows[:, None], columns[None, :])
    ratio = jnp.where(frequency > 0, noise_to_signal * frequency**exponent, 0)
    inverse = response.conj() / (jnp.abs(response) ** 2 + ratio)
    spectrum = jnp.fft.rfft2(x, axes=(1, 2)) * inverse[None, :, :, None]
    return jnp.fft.irfft2(spectrum, s=(height, width), axes=(1, 2))
