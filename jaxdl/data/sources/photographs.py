"""Blurred and clean patches of the two photographs that scikit-learn ships (china, flower)."""

from typing import Literal

import numpy as np

REC_601 = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in the luminance."""


def luminance(name: Literal["china", "flower"]) -> np.ndarray:
    """A photograph in grey, float32 `[427, 640]` in 0..1."""
    from sklearn.datasets import load_sample_image

    return (load_sample_image(f"{name}.jpg") / np.float32(255)) @ REC_601


def disc(radius: float) -> np.ndarray:
    """The blur of a lens out of focus: equal weights, sum 1, at pixels within `radius` (pixels).

    float32 `[k, k]` with k = 2⌊radius⌋ + 1.
    """
    reach = int(radius)
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    inside = rows**2 + columns**2 <= radius**2
    return (inside / inside.sum()).astype(np.float32)


def blur(photograph: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """`[H, W]` convolved with `[k, k]` where that lies inside: `[H − k + 1, W − k + 1]`."""
    from scipy.signal import convolve2d

    return convolve2d(photograph, kernel, mode="valid").astype(np.float32)


def random_corners(shape: tuple[int, int], size: int, count: int, seed: int) -> np.ndarray:
    """Upper left corners of `count` patches of size × size within `shape`, int `[count, 2]`."""
    highest = np.array(shape) - size + 1
    return np.random.default_rng(seed).integers(0, highest, (count, 2))


def grid_corners(shape: tuple[int, int], size: int) -> np.ndarray:
    """Upper left corners of all patches of size × size side by side, int `[count, 2]`."""
    rows, columns = (np.arange(0, length - size + 1, size) for length in shape)
    return np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)


def pairs(
    photograph: np.ndarray,
    kernel: np.ndarray,
    noise: float,
    corners: np.ndarray,
    size: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Patches `{"x": blurred and noisy, "y": clean}`, both float32 `[N, size, size, 1]`.

    kernel: `[k, k]`, k odd; noise: standard deviation of Gaussian noise, in the photograph's unit,
    drawn for each patch; corners: `[N, 2]`, within `[H − k + 1, W − k + 1]`, where the blur knows
    every pixel it needs. Raises ValueError for a patch that reaches beyond.
    """
    margin = len(kernel) // 2
    blurred = blur(photograph, kernel)
    clean = photograph[margin : margin + blurred.shape[0], margin : margin + blurred.shape[1]]
    if (corners < 0).any() or (corners + size > blurred.shape).any():
        raise ValueError(f"a patch of {size} pixels reaches beyond the {blurred.shape} blurred")

    def cut(image: np.ndarray) -> np.ndarray:
        windows = np.lib.stride_tricks.sliding_window_view(image, (size, size))
        return windows[corners[:, 0], corners[:, 1]][..., np.newaxis].astype(np.float32)

    x = cut(blurred)
    x += noise * np.random.default_rng(seed).standard_normal(x.shape, np.float32)
    return {"x": x, "y": cut(clean)}


def which() -> dict[str, dict[str, np.ndarray]]:
    """Which photograph is a patch from: x float32 `[N, 8, 8, 1]` in 0..1, y 0 for china, else 1.

    Patches side by side of 16 × 16 pixels, mean of the colours, averaged to 8 × 8; 1000 to train on
    and 500 for validation, 580 for test, which may be neighbours.
    """
    from sklearn.datasets import load_sample_images

    patches = []
    for image in load_sample_images().images:
        grey = image.mean(axis=2)[:416, :640].reshape(208, 2, 320, 2).mean(axis=(1, 3)) / 255
        patches.append(grey.reshape(26, 8, 40, 8).swapaxes(1, 2).reshape(-1, 8, 8, 1))
    y = np.repeat(np.arange(2, dtype=np.int32), [len(each) for each in patches])
    order = np.random.default_rng(0).permutation(len(y))
    x, y = np.concatenate(patches).astype(np.float32)[order], y[order]
    ends = {"train": (0, 1000), "validation": (1000, 1500), "test": (1500, 2080)}
    return {name: {"x": x[a:b], "y": y[a:b]} for name, (a, b) in ends.items()}
