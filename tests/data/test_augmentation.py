"""Geometry is read back from ramps: the image of a linear function shows the map that moved it."""

import colorsys
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from jaxdl.data import augmentation as aug

KEYS = jax.random.split(jax.random.key(0), 300)
IMAGE = np.random.default_rng(1).uniform(size=(9, 6, 3)).astype(np.float32)
affine = jax.jit(aug.affine)
mixup = jax.jit(aug.mixup)
EVERY = {
    function.__name__: function
    for function in (
        aug.shift, aug.rotate, aug.zoom, aug.crop, aug.flip,
        aug.padded_crop, aug.brightness, aug.contrast, aug.colour, aug.saturation, aug.noise,
        aug.cutout,
    )
}  # fmt: skip
STRONG = {"rotate": 90.0, "cutout": 5.0, "shift": 3.0, "padded_crop": 4.0, "flip": 1.0}


@functools.cache
def many(name):
    """`(image, strength) -> [300, H, W, C]`, one compilation a function and shape."""
    one = EVERY[name]
    return jax.jit(lambda image, strength: jax.vmap(lambda key: one(image, key, strength))(KEYS))


def ramps(name, strength):
    """Least-squares maps of the pixels in the middle: A `[300, 2, 2]` and b `[300, 2]`."""
    rows, columns = np.mgrid[:21, :21] - 10.0
    image = np.stack([rows, columns], axis=-1)
    moved = np.asarray(many(name)(jnp.float32(image), strength), np.float64)[:, 8:13, 8:13]
    inner = image[8:13, 8:13].reshape(25, 2)
    design = np.column_stack([inner, np.ones(25)])
    values = moved.reshape(300, 25, 2)
    fits = np.einsum("ij,njk->nik", np.linalg.pinv(design), values)
    np.testing.assert_allclose(np.einsum("ji,nik->njk", design, fits), values, atol=1e-4)
    return fits[:, :2].swapaxes(1, 2), fits[:, 2]


@pytest.mark.parametrize("name", EVERY)
def test_strength_zero_is_the_identity_bit_for_bit(name):
    out = np.asarray(many(name)(IMAGE, jnp.float32(0)))
    np.testing.assert_array_equal(out, np.broadcast_to(IMAGE, out.shape))


@pytest.mark.parametrize("name", EVERY)
def test_the_key_decides(name):
    strength = jnp.float32(STRONG.get(name, 0.5))
    first, again = (np.asarray(many(name)(IMAGE, strength)) for _ in range(2))
    assert first.shape == (300, *IMAGE.shape)
    assert first.dtype == IMAGE.dtype
    np.testing.assert_array_equal(first, again)
    # The same by itself as among others, up to the rounding of another program.
    alone = jax.jit(EVERY[name])(IMAGE, KEYS[7], strength)
    np.testing.assert_allclose(alone, first[7], atol=1e-5)
    different = {image.tobytes() for image in first}
    assert len(different) == 1 if name == "flip" else len(different) > 50


def test_affine_is_that_of_scipy():
    matrix = np.array([[0.9, 0.3], [-0.2, 1.2]])
    offset = np.array([0.7, -1.6])
    centre = (np.array(IMAGE.shape[:2]) - 1) / 2
    expected = [
        ndimage.affine_transform(
            channel, matrix, centre + offset - matrix @ centre, order=1, mode="grid-constant"
        )
        for channel in np.moveaxis(np.asarray(IMAGE, np.float64), -1, 0)
    ]
    out = affine(IMAGE, np.float32(matrix), np.float32(offset))
    np.testing.assert_allclose(np.moveaxis(out, -1, 0), expected, atol=1e-5)


def uniform(values, low, high):
    """Inside the ends, and within five standard errors of a uniform's mean and deviation."""
    assert values.min() >= low - 1e-4
    assert values.max() <= high + 1e-4
    width = high - low
    assert abs(values.mean() - (low + high) / 2) < 5 * width / np.sqrt(12 * values.size)
    assert abs(values.std() - width / np.sqrt(12)) < 0.06 * width


def test_shift_moves_by_a_uniform_number_of_pixels_along_each_axis():
    matrix, offset = ramps("shift", 2.5)
    np.testing.assert_allclose(matrix, np.broadcast_to(np.eye(2), matrix.shape), atol=1e-4)
    uniform(offset[:, 0], -2.5, 2.5)
    uniform(offset[:, 1], -2.5, 2.5)
    assert abs(np.corrcoef(offset.T)[0, 1]) < 5 / np.sqrt(300)


def test_rotate_turns_about_the_centre_by_a_uniform_angle():
    matrix, offset = ramps("rotate", 60.0)
    np.testing.assert_allclose(offset, np.zeros_like(offset), atol=1e-4)
    identity = np.broadcast_to(np.eye(2), matrix.shape)
    np.testing.assert_allclose(matrix @ matrix.swapaxes(1, 2), identity, atol=1e-4)
    np.testing.assert_allclose(np.linalg.det(matrix), 1, atol=1e-4)
    uniform(np.degrees(np.arctan2(matrix[:, 0, 1], matrix[:, 0, 0])), -60, 60)


def test_zoom_magnifies_about_the_centre_as_often_as_it_shrinks():
    matrix, offset = ramps("zoom", 0.5)
    np.testing.assert_allclose(offset, np.zeros_like(offset), atol=1e-4)
    scale = matrix[:, 0, 0]
    np.testing.assert_allclose(matrix, scale[:, None, None] * np.eye(2)[None], atol=1e-4)
    uniform(np.log(scale), -np.log(1.5), np.log(1.5))


def test_crop_is_a_window_inside_the_image_stretched_to_the_whole():
    matrix, offset = ramps("crop", 0.6)
    side = matrix[:, 0, 0]
    np.testing.assert_allclose(matrix, side[:, None, None] * np.eye(2)[None], atol=1e-4)
    uniform(side, 0.4, 1.0)
    room = 10 * (1 - side)
    assert (np.abs(offset) <= room[:, None] + 1e-4).all()
    uniform((offset / np.maximum(room, 1e-3)[:, None])[room > 0.1].ravel(), -1, 1)


def test_flip_mirrors_left_and_right_as_often_as_asked():
    out = np.asarray(many("flip")(IMAGE, 0.3))
    mirrored = (out == np.asarray(IMAGE)[:, ::-1]).all(axis=(1, 2, 3))
    same = (out == np.asarray(IMAGE)).all(axis=(1, 2, 3))
    assert (mirrored ^ same).all()
    assert abs(mirrored.mean() - 0.3) < 5 * np.sqrt(0.21 / 300)


def test_colours_move_along_the_lines_they_are_named_after():
    image = np.asarray(IMAGE)
    moved = np.asarray(many("brightness")(IMAGE, 0.4)) - image
    np.testing.assert_allclose(moved, np.broadcast_to(moved[:, :1, :1, :1], moved.shape), atol=1e-6)
    uniform(moved[:, 0, 0, 0], -0.4, 0.4)
    for name, middle in (
        ("contrast", image.mean()),
        ("colour", image.mean(axis=-1, keepdims=True)),
    ):
        away = image - middle
        moved = np.asarray(many(name)(IMAGE, 0.4)) - middle
        factor = (moved * away).sum(axis=(1, 2, 3)) / (away**2).sum()
        np.testing.assert_allclose(moved, factor[:, None, None, None] * away[None], atol=1e-5)
        uniform(factor, 0.6, 1.4)


def test_a_padded_crop_is_every_window_of_the_image_with_zeros_around_it():
    image = jnp.float32(IMAGE)
    found = {crop.tobytes() for crop in np.asarray(many("padded_crop")(image, jnp.float32(2)))}
    padded = np.pad(IMAGE, ((2, 2), (2, 2), (0, 0)))
    windows = {
        np.ascontiguousarray(padded[row : row + 9, column : column + 6]).tobytes()
        for row in range(5)
        for column in range(5)
    }
    assert found == windows  # that one of 25 is missed by 300 draws has a chance of 1e-4


def test_saturation_is_that_of_hsv():
    image = jnp.float32(IMAGE)
    for key in KEYS[:4]:
        factor = 1 + 0.8 * float(jax.random.uniform(key, minval=-1.0, maxval=1.0))
        expected = []
        for pixel in IMAGE.reshape(-1, 3):
            hue, saturation, value = colorsys.rgb_to_hsv(*map(float, pixel))
            expected.append(colorsys.hsv_to_rgb(hue, min(factor * saturation, 1), value))
        found = np.asarray(aug.saturation(image, key, 0.8)).reshape(-1, 3)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_grey_and_black_pixels_have_no_saturation():
    image = jnp.stack([jnp.zeros((2, 3)), jnp.full((2, 3), 0.5)])
    np.testing.assert_array_equal(aug.saturation(image, jax.random.key(0), 0.9), image)


def test_contrast_by_channel_keeps_the_mean_of_each():
    image = jnp.float32(IMAGE)
    found = np.asarray(aug.contrast(image, KEYS[0], 0.8, by_channel=True))
    means = IMAGE.mean(axis=(0, 1))
    np.testing.assert_allclose(found.mean(axis=(0, 1)), means, atol=1e-6)
    factors = (found - means) / (IMAGE - means)
    np.testing.assert_allclose(factors, np.median(factors), rtol=1e-3)


def test_noise_is_gaussian():
    added = (np.asarray(many("noise")(IMAGE, 0.2)) - np.asarray(IMAGE)).ravel() / 0.2
    # Of a standard normal: E[x], E[x²], E[x⁴], and the variances of what is averaged.
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (4, 3, 96)):
        error = np.sqrt(variance / added.size)
        assert abs((added**power).mean() - moment) < 5 * error


@pytest.mark.parametrize("size", [1, 4])
def test_cutout_is_a_square_of_zeros_around_any_pixel(size):
    gone = np.asarray(many("cutout")(IMAGE, float(size))) == 0
    assert (gone.all(axis=-1) == gone.any(axis=-1)).all()
    gone = gone[..., 0]
    height, width = (gone.any(axis=axis).sum(axis=1) for axis in (2, 1))
    np.testing.assert_array_equal(gone.sum(axis=(1, 2)), height * width)
    assert height.max() == size
    assert width.max() == size
    assert min(height.min(), width.min()) >= 1
    assert gone.any(axis=0).all()


def test_mixup_by_its_own_equations():
    x = np.random.default_rng(2).uniform(size=(400, 5)).astype(np.float32)
    labels = np.arange(400) % 4
    batch = {"x": x, "y": np.eye(4, dtype=np.float32)[labels], "mask": np.arange(400) < 300}
    batch["mask"] = batch["mask"].astype(np.float32)
    for alpha in (1.0, 0.0):
        out = jax.device_get(mixup(batch, jax.random.key(3), np.float32(alpha)))
        assert set(out) == set(batch)
        if alpha == 0:
            np.testing.assert_array_equal(out["x"], x)
            np.testing.assert_array_equal(out["y"], batch["y"])
            continue
        own = out["y"][np.arange(400), labels]
        np.testing.assert_allclose(out["y"].sum(axis=1), 1, atol=1e-6)
        partner = out["y"].argsort(axis=1)[:, -2]
        mixed = own < 1
        uniform(own[mixed], 0.5, 1.0)  # the larger part of a uniform λ
        # What is added to an example is the rest of some one real example.
        rest = (out["x"] - own[:, None] * x)[mixed] / (1 - own[mixed])[:, None]
        away = np.abs(rest[:, None] - x[None, :300]).max(axis=2)
        np.testing.assert_array_less(away.min(axis=1) * (1 - own[mixed]), 1e-5)
        sure = own[mixed] < 0.95
        np.testing.assert_array_equal(labels[away.argmin(axis=1)][sure], partner[mixed][sure])


def test_augment_gives_each_example_and_each_function_its_own_key():
    images = np.broadcast_to(IMAGE, (4, *IMAGE.shape))
    brighter = functools.partial(aug.brightness, amount=1.0)
    key = jax.random.key(5)

    @jax.jit
    def run(batch):
        once = aug.augment({"x": batch["x"]}, key, [brighter])
        return aug.augment(batch, key, [brighter, brighter]), once

    out, once = jax.device_get(run({"x": images, "y": np.arange(4)}))
    np.testing.assert_array_equal(out["y"], np.arange(4))
    both, first = ((found["x"] - images)[:, 0, 0, 0] for found in (out, once))
    assert len({*np.round(both, 5), *np.round(first, 5), *np.round(both - first, 5)}) == 12
    assert aug.augment({"x": images}, key, [])["x"] is images


def test_one_warp_is_all_four_in_turn():
    """On a ramp, which any number of bilinear samplings leaves a ramp, the two must agree."""
    strengths = {"pixels": 1.5, "degrees": 20.0, "amount": 0.2, "probability": 0.5}
    rows, columns = np.mgrid[:21, :21] - 10.0
    ramp = jnp.float32(np.stack([rows, columns], axis=-1))

    @jax.jit
    @jax.vmap
    def both(key):
        keys = jax.random.split(key, 4)
        image = aug.flip(ramp, keys[0], strengths["probability"])
        image = aug.zoom(image, keys[1], strengths["amount"])
        image = aug.rotate(image, keys[2], strengths["degrees"])
        return aug.shift(image, keys[3], strengths["pixels"]), aug.warp(ramp, key, **strengths)

    in_turn, at_once = map(np.asarray, both(KEYS))
    np.testing.assert_allclose(at_once[:, 8:13, 8:13], in_turn[:, 8:13, 8:13], atol=1e-4)
    assert np.ptp(at_once, axis=0).max() > 1
    still = np.asarray(jax.jit(jax.vmap(lambda key: aug.warp(IMAGE, key)))(KEYS[:5]))
    np.testing.assert_array_equal(still, np.broadcast_to(IMAGE, still.shape))


@pytest.mark.parametrize("images", [np.zeros((2, 4, 4, 1), np.uint8), np.zeros((4, 4))])
def test_images_of_another_kind_are_named(images):
    with pytest.raises(ValueError, match=r"floats \[B, H, W, C\] or \[B, T, C\] are needed"):
        aug.augment({"x": images}, jax.random.key(0), [])


FLOATS = [jnp.float64, jnp.float32, jnp.bfloat16, jnp.float16]
each_dtype = pytest.mark.parametrize("dtype", FLOATS, ids=lambda dtype: dtype.__name__)
KEY = jax.random.key(7)


def picture(dtype, shape=(5, 300, 2)):
    """An image of this dtype, for which float64 has to be switched on, and the same in float64."""
    with jax.enable_x64(dtype == jnp.float64):
        image = jnp.asarray(np.random.default_rng(3).uniform(0.5, 1, shape), dtype)
    return image, np.asarray(image, np.float64)


def close(found, expected, dtype):
    """Rounded once to the dtype, behind sums of a few float32 terms of size 1."""
    assert found.dtype == dtype
    rounding = float(jnp.finfo(dtype).eps) / 2
    atol = 1e-15 if dtype == jnp.float64 else 1e-6
    np.testing.assert_allclose(np.asarray(found, np.float64), expected, rtol=rounding, atol=atol)


@each_dtype
def test_affine_is_that_of_scipy_in_every_dtype_beyond_256_pixels(dtype):
    image, reference = picture(dtype)
    matrix, offset = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0.25, -3.5])
    expected = np.stack(
        [
            ndimage.affine_transform(channel, matrix, offset, order=1, mode="grid-constant")
            for channel in np.moveaxis(reference, -1, 0)
        ],
        axis=-1,
    )
    with jax.enable_x64(dtype == jnp.float64):
        close(affine(image, matrix, offset), expected, dtype)


@each_dtype
@pytest.mark.parametrize("name", ["brightness", "contrast", "colour", "noise"])
def test_values_change_as_in_float64_in_every_dtype(name, dtype):
    image, x = picture(dtype, (6, 7, 3))
    with jax.enable_x64(dtype == jnp.float64):
        u = float(jax.random.uniform(KEY, minval=-1.0, maxval=1.0))
        wide = jnp.float64 if dtype == jnp.float64 else jnp.float32
        normal = np.asarray(jax.random.normal(KEY, x.shape, wide), np.float64)
        found = EVERY[name](image, KEY, 0.3)
    expected = {
        "brightness": x + 0.3 * u,
        "contrast": x + 0.3 * u * (x - x.mean()),
        "colour": x + 0.3 * u * (x - x.mean(axis=-1, keepdims=True)),
        "noise": x + 0.3 * normal,
    }
    close(found, expected[name], dtype)


@each_dtype
def test_noise_has_its_tails_in_every_dtype(dtype):
    with jax.enable_x64(dtype == jnp.float64):
        image = np.zeros((300, 200, 1), dtype)
        z = np.asarray(jax.jit(lambda image: aug.noise(image, KEY, 1.0))(image), np.float64)
    share = 0.0026998  # of a normal beyond three standard deviations
    assert abs((abs(z) > 3).mean() - share) < 5 * np.sqrt(share / z.size)
    assert abs(z.std() - 1) < 5 / np.sqrt(2 * z.size)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])
def test_a_strength_may_be_as_narrow_as_the_image(dtype):
    """0.001 is 0.001 to the width of its own dtype, and what it is multiplied with is not."""
    image, x = picture(dtype)
    wide = np.float64(dtype(0.001))

    @jax.jit
    def run(keys):
        flipped = jax.vmap(lambda key: aug.flip(image, key, dtype(0.001)))(keys)
        cut = aug.cutout(jnp.ones((1, 900, 1), dtype), KEY, dtype(301))
        return flipped[:, 0, 0, 0], cut == 0

    corners, gone = map(np.asarray, run(jax.random.split(KEY, 4000)))
    count = int((corners.astype(np.float64) != x[0, 0, 0]).sum())
    assert 0 < count < 4000 * wide + 5 * np.sqrt(4000 * wide)
    assert gone.sum() in range(150, int(dtype(301)) + 1)


@pytest.mark.parametrize("dtype", FLOATS[1:])
def test_mixup_is_that_of_float64_in_every_narrower_dtype(dtype):
    image, x = picture(dtype, (16, 5))
    batch = {"x": image, "y": np.eye(16, dtype=dtype)}
    out, identity = (aug.mixup(batch, KEY, dtype(alpha)) for alpha in (1, 0))
    assert out["y"].dtype == dtype
    targets = np.asarray(out["y"], np.float64)
    own = targets.max(axis=1, keepdims=True)
    assert ((own >= 0.5) & (own <= 1)).all()
    # What y says of the shares is rounded to its dtype, so x may differ by as much.
    error = 2 * float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(np.asarray(out["x"], np.float64), targets @ x, atol=error)
    assert out["x"].dtype == dtype
    np.testing.assert_array_equal(identity["x"], image)


@pytest.mark.parametrize("name", ["x", "y"])
def test_mixup_refuses_labels_and_bytes(name):
    batch = {"x": jnp.ones((4, 2)), "y": jnp.ones((4, 3))} | {name: jnp.ones(4, jnp.int32)}
    with pytest.raises(ValueError, match=rf"{name} is int32\[4\], floats are needed"):
        aug.mixup(batch, KEY, 1.0)
