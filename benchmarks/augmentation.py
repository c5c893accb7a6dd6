"""Seconds of augmenting a batch of images as one compiled program, against PIL image by image."""

import functools

import jax
import numpy as np

from benchmarks import harness
from benchmarks.harness import Row
from jaxdl.data import augmentation

REPEATS = 5


def measure(quick: bool) -> list[Row]:
    """Brightness, contrast, turns, shifts and flips of some images, against PIL one by one."""
    count = 64 if quick else 256
    images = np.random.default_rng(0).random((count, 32, 32, 3), np.float32)
    functions = (
        functools.partial(augmentation.brightness, amount=0.2),
        functools.partial(augmentation.contrast, amount=0.2),
        functools.partial(augmentation.warp, pixels=2.0, degrees=15.0, probability=0.5),
    )
    ours = jax.jit(lambda x, key: augmentation.augment({"x": x}, key, functions)["x"])
    on_device, key = jax.device_put(images), jax.random.key(0)
    jax.block_until_ready(ours(on_device, key))
    pictures = [(255 * image).astype(np.uint8) for image in images]
    rng = np.random.default_rng(0)
    timings = harness.alternate(
        REPEATS,
        lambda: harness.seconds(lambda: jax.block_until_ready(ours(on_device, key))),
        lambda: harness.seconds(lambda: [_by_pil(picture, rng) for picture in pictures]),
    )
    mine, theirs = timings
    return [
        Row(
            f"brightness, contrast, rotation, shift and flip of {count} images 32×32×3",
            1e3 * mine.median,
            1e3 * theirs.median,
            "PIL and NumPy, image by image",
            "ms",
            theirs.median / mine.median,
            5.0,
            f"ours {harness.spread_ms(mine)}, theirs {harness.spread_ms(theirs)}",
        )
    ]


def _by_pil(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As torchvision's ColorJitter, RandomAffine and RandomHorizontalFlip do it, bilinear."""
    from PIL import Image, ImageEnhance

    picture = Image.fromarray(image)
    picture = ImageEnhance.Brightness(picture).enhance(rng.uniform(0.8, 1.2))
    picture = ImageEnhance.Contrast(picture).enhance(rng.uniform(0.8, 1.2))
    down, right = rng.uniform(-2, 2, 2)
    picture = picture.rotate(
        rng.uniform(-15, 15), Image.Resampling.BILINEAR, translate=(right, down)
    )
    if rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(picture, np.float32) / 255


if __name__ == "__main__":
    harness.main(__doc__ or "", measure)
