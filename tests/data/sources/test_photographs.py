import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import convolve
from sklearn.datasets import load_sample_image

from jaxdl.data.sources import photographs

RNG = np.random.default_rng(0)
PHOTOGRAPH = RNG.uniform(size=(12, 15)).astype(np.float32)


def test_luminance_is_pillows_grey_of_scikit_learns_photograph():
    grey = np.asarray(Image.fromarray(load_sample_image("china.jpg")).convert("L"))
    found = photographs.luminance("china")
    assert found.shape == (427, 640)
    assert found.dtype == np.float32
    # Pillow rounds to one of 256 levels.
    np.testing.assert_allclose(found * 255, grey, atol=1)


def test_disc_by_hand():
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]]) / 5
    np.testing.assert_allclose(photographs.disc(1.0), cross)
    disc = photographs.disc(2.5)
    assert disc.shape == (5, 5)
    assert (disc > 0).sum() == 21
    np.testing.assert_allclose(disc.sum(), 1, rtol=1e-6)


def test_blur_is_scipys_convolution_without_its_border():
    kernel = RNG.normal(size=(5, 5))
    expected = convolve(PHOTOGRAPH, kernel)[2:-2, 2:-2]
    np.testing.assert_allclose(photographs.blur(PHOTOGRAPH, kernel), expected, atol=1e-5)


def test_a_grid_covers_what_whole_patches_can_and_random_corners_fit():
    corners = photographs.grid_corners((9, 13), 4)
    np.testing.assert_array_equal(corners, [[0, 0], [0, 4], [0, 8], [4, 0], [4, 4], [4, 8]])
    drawn = photographs.random_corners((9, 13), 4, 500, seed=0)
    np.testing.assert_array_equal(drawn.min(axis=0), [0, 0])
    np.testing.assert_array_equal(drawn.max(axis=0), [5, 9])
    np.testing.assert_array_equal(drawn, photographs.random_corners((9, 13), 4, 500, seed=0))


def test_pairs_are_patches_of_the_same_place_with_the_noise_that_is_asked():
    kernel, corners = photographs.disc(1.0), np.array([[0, 0], [6, 9], [2, 3]])
    found = photographs.pairs(PHOTOGRAPH, kernel, 0.0, corners, 4, seed=0)
    blurred = photographs.blur(PHOTOGRAPH, kernel)
    for index, (row, column) in enumerate(corners):
        clean = PHOTOGRAPH[row + 1 : row + 5, column + 1 : column + 5]
        np.testing.assert_array_equal(found["y"][index, :, :, 0], clean)
        np.testing.assert_array_equal(
            found["x"][index, :, :, 0], blurred[row : row + 4, column : column + 4]
        )
    many = np.tile(corners, (100, 1))
    noisy = photographs.pairs(PHOTOGRAPH, kernel, 0.1, many, 4, seed=1)
    noise = (noisy["x"] - np.tile(found["x"], (100, 1, 1, 1))).reshape(100, -1)
    np.testing.assert_allclose(noise.std(), 0.1, rtol=0.05)
    assert len(np.unique(noise.round(6))) > 0.9 * noise.size


def test_a_patch_beyond_the_blurred_photograph_is_refused():
    for corner in ([[7, 0]], [[0, 10]], [[-1, 0]]):
        with pytest.raises(ValueError, match="a patch of 4 pixels reaches beyond"):
            photographs.pairs(PHOTOGRAPH, photographs.disc(1.0), 0.0, np.array(corner), 4, 0)


def test_a_patch_is_of_the_photograph_that_its_label_says():
    parts = photographs.which()
    assert {name: len(part["y"]) for name, part in parts.items()} == {
        "train": 1000, "validation": 500, "test": 580
    }  # fmt: skip
    x, y = (np.concatenate([part[name] for part in parts.values()]) for name in "xy")
    assert x.shape == (2080, 8, 8, 1)
    for label, name in enumerate(("china.jpg", "flower.jpg")):
        image = load_sample_image(name)[:416, :640].mean() / 255
        np.testing.assert_allclose(x[y == label].mean(), image, rtol=1e-4)
