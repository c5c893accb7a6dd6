"""Random changes of images that keep their meaning, drawn from a key (Shorten & Khoshgoftaar 2019).

Each function takes one image `[H, W, C]`, float, and one key, and gives an image of the same shape
and dtype: `vmap` it, or let `augment` do so. Strengths may be traced; strength 0 gives the image
back bit for bit. What comes into view from outside the image is 0; values are not clipped.
Coordinates, strengths, draws and sums are float32 for narrower images, and rounded once at the end:
bfloat16 knows no odd pixel beyond 256.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from jaxdl.types import Array, Batch

Augmentation = Callable[[Array, Array], Array]
"""`(image [H, W, C], key) -> image [H, W, C]`."""
Strength = float | Array
"""A number, or a scalar array that may be traced."""


def augment(batch: Batch, key: Array, functions: Sequence[Augmentation]) -> dict[str, Array]:
    """The batch with its images `x: [B, H, W, C]` changed by each function in turn.

    Or signals `[B, T, C]`, by those of `augmentation_of_signals` and `noise`. Every example and
    every function has a key of its own, drawn from `key`. Raises ValueError for images that are not
    floats, or of another rank.
    """
    images = batch["x"]
    if images.ndim not in (3, 4) or not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(
            f"x is {images.dtype}{list(images.shape)}, floats [B, H, W, C] or [B, T, C] are needed"
        )
    for number, function in enumerate(functions):
        keys = jax.random.split(jax.random.fold_in(key, number), len(images))
        images = jax.vmap(function)(images, keys)
    return {**batch, "x": images}


def affine(image: Array, matrix: Array, offset: Array) -> Array:
    """The image whose pixel at p is the bilinear sample of the old one at A(p − c) + c + b.

    matrix: A `[2, 2]`; offset: b `[2]` in pixels, rows before columns; c is the centre.
    """
    height, width, channels = image.shape
    wide = _wide(image)
    centre = jnp.array([(height - 1) / 2, (width - 1) / 2], wide)
    rows, columns = jnp.mgrid[:height, :width].astype(wide) - centre[:, None, None]
    source = [
        a * rows + b * columns + c + shift
        for (a, b), c, shift in zip(matrix.astype(wide), centre, offset.astype(wide), strict=True)
    ]
    # Zeros all round: what lies further outside is moved to there, so that no index is checked.
    outside = jnp.pad(image, ((1, 2), (1, 2), (0, 0))).reshape(-1, channels)
    row, column = jnp.clip(source[0], -1, height), jnp.clip(source[1], -1, width)
    above, left = jnp.floor(row), jnp.floor(column)
    down, right = (row - above)[..., None], (column - left)[..., None]
    line = width + 3
    place = (above.astype(jnp.int32) + 1) * line + left.astype(jnp.int32) + 1

    def at(further: int) -> Array:
        return outside.at[place + further].get(mode="promise_in_bounds")

    upper = at(0) * (1 - right) + at(1) * right
    lower = at(line) * (1 - right) + at(line + 1) * right
    return (upper * (1 - down) + lower * down).astype(image.dtype)


def warp(
    image: Array,
    key: Array,
    *,
    pixels: Strength = 0.0,
    degrees: Strength = 0.0,
    amount: Strength = 0.0,
    probability: Strength = 0.0,
) -> Array:
    """`flip`, `zoom`, `rotate` and `shift` in turn, by a single bilinear sampling.

    Sharper than one after another, and faster: XLA fuses samplings into one another and computes
    the inner one again at each of the outer one's neighbours.
    """
    flip_key, zoom_key, turn_key, shift_key = jax.random.split(key, 4)
    sign = jnp.where(jax.random.bernoulli(flip_key, _strength(probability)), -1.0, 1.0)
    mirror = jnp.array([[1.0, 0.0], [0.0, sign]])
    matrix = mirror @ (_magnification(zoom_key, amount) * _rotation(turn_key, degrees))
    return affine(image, matrix, matrix @ (_strength(pixels) * _symmetric(shift_key, (2,))))


def shift(image: Array, key: Array, pixels: Strength) -> Array:
    """Moved down and right by two numbers of −pixels … pixels, uniform; fractions are blended."""
    return affine(image, jnp.eye(2), _strength(pixels) * _symmetric(key, (2,)))


def rotate(image: Array, key: Array, degrees: Strength) -> Array:
    """Turned about its centre by −degrees … degrees, uniform."""
    return affine(image, _rotation(key, degrees), jnp.zeros(2))


def zoom(image: Array, key: Array, amount: Strength) -> Array:
    """Magnified about its centre by exp(u), u uniform in −log(1 + amount) … log(1 + amount).

    So a magnification by 1 + amount is as likely as its inverse.
    """
    return affine(image, _magnification(key, amount) * jnp.eye(2), jnp.zeros(2))


def crop(image: Array, key: Array, amount: Strength) -> Array:
    """A random window, stretched to the whole (Szegedy et al. 2015).

    Both sides of the window are a share 1 − u of the image's, u uniform in 0 … amount < 1; the
    window lies inside the image, anywhere.
    """
    size_key, place_key = jax.random.split(key)
    cut = _strength(amount) * jax.random.uniform(size_key)
    room = jnp.array([(side - 1) / 2 for side in image.shape[:2]])
    return affine(image, (1 - cut) * jnp.eye(2), cut * room * _symmetric(place_key, (2,)))


def padded_crop(image: Array, key: Array, pixels: int | Array) -> Array:
    """A window of the image's size anywhere in the image with so many zeros all round it.

    That is a shift by whole pixels, −pixels … pixels along each axis, all equally likely (He et al.
    2016, section 4.2, with 4).
    """
    most = jnp.asarray(pixels, int)
    moves = jax.random.randint(key, (2,), -most, most + 1)
    return affine(image, jnp.eye(2), -moves)


def flip(image: Array, key: Array, probability: Strength) -> Array:
    """Mirrored, left to right, with this probability."""
    return jnp.where(jax.random.bernoulli(key, _strength(probability)), image[:, ::-1], image)


def brightness(image: Array, key: Array, amount: Strength) -> Array:
    """One number of −amount … amount, uniform, added to every value."""
    drawn = (_strength(amount) * _symmetric(key)).astype(_wide(image))
    return (image + drawn).astype(image.dtype)


def contrast(image: Array, key: Array, amount: Strength, *, by_channel: bool = False) -> Array:
    """The distance from the image's mean times 1 + u, u uniform in −amount … amount.

    by_channel: each from its own mean, as TensorFlow's, all by one factor.
    """
    return _stretched(image, (0, 1) if by_channel else None, key, amount)


def colour(image: Array, key: Array, amount: Strength) -> Array:
    """The distance from grey (each pixel's mean over channels) times 1 + u, as in `contrast`."""
    return _stretched(image, -1, key, amount)


def saturation(image: Array, key: Array, amount: Strength) -> Array:
    """HSV's saturation times 1 + u, at most 1, u uniform in −amount … amount (Smith 1978).

    Hue and value, which is a pixel's largest channel, stay. Channels are not negative.
    """
    wide = image.astype(_wide(image))
    value = wide.max(-1, keepdims=True)
    span = value - wide.min(-1, keepdims=True)
    factor = 1 + (_strength(amount) * _symmetric(key)).astype(wide.dtype)
    most = value / jnp.where(span > 0, span, 1)
    factor = jnp.where(span > 0, jnp.minimum(factor, jnp.maximum(most, 1)), 1)
    # Written as a sum, so that it is the identity bit for bit where the factor is 1.
    return (wide + (1 - factor) * (value - wide)).astype(image.dtype)


def noise(image: Array, key: Array, deviation: Strength) -> Array:
    """Gaussian noise of this standard deviation added to every value (Bishop 1995)."""
    values = jax.random.normal(key, image.shape, _wide(image))
    return (image + jnp.asarray(deviation, values.dtype) * values).astype(image.dtype)


def cutout(image: Array, key: Array, size: Strength) -> Array:
    """A square of `size` pixels a side set to 0, around a pixel anywhere (DeVries & Taylor 2017).

    Near the border a part of the square lies outside.
    """
    keys, half = jax.random.split(key), _strength(size) / 2
    inside = []
    for side, side_key in zip(image.shape[:2], keys, strict=True):
        away = jnp.arange(side) - jax.random.randint(side_key, (), 0, side)
        inside.append((-half <= away) & (away < half))
    return jnp.where((inside[0][:, None] & inside[1][None])[..., None], 0, image)


def mixup(batch: Batch, key: Array, alpha: Strength) -> dict[str, Array]:
    """λx + (1 − λ)x′, λy + (1 − λ)y′ for a random partner x′ of each example (Zhang et al. 2018).

    batch: `x: [B, ...]` and probabilities `y: [B, K]`, floats, whose dtypes are kept. One
    λ ~ Beta(α, α) for each example, the larger share its own; α = 0 is the identity. No example is
    mixed with one of `mask` 0. Raises ValueError for other than floats: labels have no mean.
    """
    for name in ("x", "y"):
        if not jnp.issubdtype(batch[name].dtype, jnp.floating):
            found = f"{batch[name].dtype}{list(batch[name].shape)}"
            raise ValueError(f"{name} is {found}, floats are needed (labels as scaling.one_hot)")
    x, y = batch["x"], batch["y"]
    alpha = _strength(alpha)
    order_key, share_key = jax.random.split(key)
    partner = jax.random.permutation(order_key, len(x))
    share = jax.random.beta(share_key, *2 * (jnp.where(alpha > 0, alpha, 1.0),), (len(x),))
    mixed = jnp.broadcast_to(alpha > 0, share.shape)
    if "mask" in batch:
        mixed &= batch["mask"][partner] > 0

    def blend(values: Array) -> Array:
        own, do = (a.reshape(-1, *[1] * (values.ndim - 1)) for a in (share, mixed))
        own = jnp.maximum(own, 1 - own)
        blended = own * values + (1 - own) * values[partner]
        return jnp.where(do, blended.astype(values.dtype), values)

    return {**batch, "x": blend(x), "y": blend(y)}


def _wide(image: Array) -> jnp.dtype:
    return jnp.promote_types(image.dtype, jnp.float32)


def _strength(value: Strength) -> Array:
    return jnp.asarray(value, float)


def _rotation(key: Array, degrees: Strength) -> Array:
    angle = jnp.deg2rad(_strength(degrees) * _symmetric(key))
    sine, cosine = jnp.sin(angle), jnp.cos(angle)
    return jnp.array([[cosine, sine], [-sine, cosine]])


def _magnification(key: Array, amount: Strength) -> Array:
    return jnp.exp(-jnp.log1p(_strength(amount)) * _symmetric(key))


def _symmetric(key: Array, shape: tuple[int, ...] = ()) -> Array:
    return jax.random.uniform(key, shape, minval=-1.0, maxval=1.0)


def _stretched(
    image: Array, axis: int | tuple[int, ...] | None, key: Array, amount: Strength
) -> Array:
    wide = image.astype(_wide(image))
    away = wide - wide.mean(axis, keepdims=True)
    factor = (_strength(amount) * _symmetric(key)).astype(wide.dtype)
    # Written as a sum, so that it is the identity bit for bit where the factor is 1.
    return (wide + factor * away).astype(image.dtype)
