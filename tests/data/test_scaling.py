import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.preprocessing import LabelBinarizer, MaxAbsScaler, StandardScaler

from jaxdl.data import DataError
from jaxdl.data.scaling import SCALINGS, apply, multi_hot_counts, one_hot

SHAPE = (50, 4, 3, 2)
RNG = np.random.default_rng(0)
INPUTS = {
    "bytes": RNG.integers(0, 256, SHAPE, np.uint8),
    "floats": RNG.normal(5.0, [1.0, 30.0], SHAPE).astype(np.float32),
    "constant column": np.where(np.arange(2) == 0, 0.1, RNG.normal(size=SHAPE)),
    "more than a chunk": RNG.normal(-2.0, 3.0, (9000, 3)),
}


def _as_table(name, x):
    """The columns that scikit-learn has to treat alike, as columns of one table."""
    own = x[0].size
    columns = {"per_column": own, "centre": own, "per_channel": x.shape[-1]}.get(name, 1)
    return x.reshape(-1, columns).astype(np.float64)


def _reference(name, x):
    table = _as_table(name, x)
    if name == "none":
        return x
    scaler = MaxAbsScaler() if name == "max" else StandardScaler(with_std=name != "centre")
    return scaler.fit_transform(table).reshape(x.shape)


@pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS)
@pytest.mark.parametrize("name", SCALINGS)
def test_equals_sklearn(name, x):
    scaled = apply(SCALINGS[name](x), x)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, _reference(name, x), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name", SCALINGS)
def test_statistics_are_float64(name):
    assert all(part.dtype == np.float64 for part in SCALINGS[name](INPUTS["bytes"]))


# Where a dtype has room for it, far from 0: float32 could not tell these numbers apart.
NARROW = RNG.integers(0, 120, (300, 3))
DTYPES = {
    "float64": 1e8 + RNG.random((300, 3)),
    "float32": (1e6 + RNG.random((300, 3))).astype(np.float32),
    "float16": RNG.normal(900, 3, (300, 3)).astype(np.float16),
    "bfloat16": RNG.normal(900, 30, (300, 3)).astype(jnp.bfloat16),
    "int64": 10**10 + RNG.integers(0, 1000, (300, 3)),
    "uint64": 2**36 - NARROW.astype(np.uint64),
    "int32": 10**9 - NARROW.astype(np.int32),
    "uint8": NARROW.astype(np.uint8),
    "int8": NARROW.astype(np.int8) - np.int8(60),
    "bool": NARROW > 40,
}


def _by_definition(name, x):
    x = x.astype(np.longdouble)
    axes = {"per_channel": tuple(range(x.ndim - 1)), "per_column": 0}.get(name)
    if name == "none":
        return x
    if name == "centre":
        return x - x.mean(0)
    return x / abs(x).max() if name == "max" else (x - x.mean(axes)) / x.std(axes)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SCALINGS)
def test_every_dtype_is_scaled_as_in_float64(name, dtype):
    x = DTYPES[dtype]
    scaled = apply(SCALINGS[name](x), x)
    assert scaled.dtype == np.float32
    # To a unit in the last place of x in float64, where the deviation does not divide it away.
    room = max(1e-6, float(np.spacing(np.float64(abs(x.astype(float)).max()))))
    np.testing.assert_allclose(scaled, _by_definition(name, x), rtol=1e-6, atol=room)


def test_a_thousand_values_around_1e8_stay_a_thousand():
    x = 1e8 + np.arange(1000.0)
    scaled = apply(SCALINGS["per_column"](x[:, None]), x[:, None])
    assert len(np.unique(scaled)) == 1000
    np.testing.assert_allclose(scaled[:, 0], (np.arange(1000) - 499.5) / 288.6749902, atol=1e-6)


@pytest.mark.parametrize("name", SCALINGS)
def test_one_example_and_several_batch_axes(name):
    x = INPUTS["floats"]
    scaling = SCALINGS[name](x)
    whole = apply(scaling, x)
    np.testing.assert_array_equal(apply(scaling, x[7]), whole[7])
    np.testing.assert_array_equal(
        apply(scaling, x.reshape(5, 10, *SHAPE[1:])).reshape(SHAPE), whole
    )


@pytest.mark.parametrize("name", SCALINGS)
def test_traced_arrays_are_scaled_on_the_device(name):
    x = INPUTS["bytes"]
    scaling = SCALINGS[name](x)
    on_device = jax.jit(apply)(scaling, jnp.asarray(x))
    assert on_device.dtype == jnp.float32
    # Rounding of x and of the mean, in units of what is left.
    unit = 255 / float(np.min(scaling.scale)) if name == "centre" else 1
    np.testing.assert_allclose(on_device, apply(scaling, x), rtol=1e-6, atol=1e-6 * unit)


# Without x64 a device has no 64-bit integers: `check_arrays` refuses those that need them.
ON_DEVICE = [(d, x64) for d in DTYPES for x64 in (False, True) if x64 or "int64" not in d]


@pytest.mark.parametrize(("dtype", "x64"), ON_DEVICE)
def test_every_dtype_is_scaled_on_the_device_as_its_width_allows(dtype, x64):
    """To a unit in the last place of x: half a one for x itself, half a one for the mean."""
    x = DTYPES[dtype]
    scaling = SCALINGS["per_column"](x)
    with jax.enable_x64(x64):
        scaled = jax.jit(apply)(scaling, jnp.asarray(x))
    assert scaled.dtype == jnp.float32
    ulp = np.spacing(abs(x).max().astype(np.float64 if x64 else np.float32))
    error = float((ulp / scaling.scale).max()) + 1e-6
    np.testing.assert_allclose(scaled, _by_definition("per_column", x), rtol=1e-6, atol=error)


def test_the_mean_of_many_rows_is_that_of_an_exact_sum():
    x = 1e8 + RNG.random((200_000, 2))
    scaling = SCALINGS["per_column"](x)
    exact = [math.fsum(column - 1e8) / len(x) + 1e8 for column in x.T]
    np.testing.assert_allclose(scaling.mean, exact, rtol=0, atol=np.spacing(1e8))


def test_numbers_of_any_size_have_a_maximum_of_one():
    for size in (1e-200, 1e200):
        x = size * np.arange(1.0, 5)
        np.testing.assert_allclose(apply(SCALINGS["max"](x), x), [0.25, 0.5, 0.75, 1])
    with pytest.raises(DataError, match="squares of x"), np.errstate(over="ignore"):
        SCALINGS["per_column"](1e200 * np.arange(5.0))


WRONG_SHAPES = [((9, 5), (3, 1)), ((9, 4), (3, 5)), ((9, 4, 3), (4, 2)), ((9, 4, 3), (3,))]


@pytest.mark.parametrize("where", [np.asarray, jnp.asarray])
@pytest.mark.parametrize(("fitted", "shape"), WRONG_SHAPES)
def test_examples_of_another_shape_are_refused_not_broadcast(fitted, shape, where):
    scaling = SCALINGS["per_column"](RNG.random(fitted))
    with pytest.raises(ValueError, match=r"x has shape \(.*\), the scaling is of \(") as caught:
        apply(scaling, where(np.zeros(shape)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(set(SCALINGS) - {"none"}))
def test_fits_name_the_column_that_is_not_finite(name):
    x = np.ones((7, 3))
    x[4, 1] = x[6, 1] = np.nan
    with pytest.raises(DataError, match=r"row 4: x is not finite \(column 1: 2 of 7\)"):
        SCALINGS[name](x)


def test_numpy_stays_on_the_host():
    x = INPUTS["bytes"]
    assert isinstance(apply(SCALINGS["whole"](x), x), np.ndarray)


@pytest.mark.parametrize("name", ["whole", "per_channel", "per_column"])
@pytest.mark.parametrize("value", [0, 0.1])
def test_constant_input_has_scale_one(name, value):
    x = np.full((1077, 3), value)  # so many times 0.1 has a mean that is not 0.1 in float64
    np.testing.assert_array_equal(SCALINGS[name](x).scale, 1.0)


def test_all_zeros_have_maximum_one():
    np.testing.assert_array_equal(SCALINGS["max"](np.zeros((20, 3))).scale, 1.0)


def test_deviation_below_float32_does_not_divide_by_zero():
    x = np.array([[0.0], [1e-60]])
    assert np.isfinite(apply(SCALINGS["per_column"](x), x)).all()


def test_one_hot_equals_sklearn():
    labels = np.array([2, 0, 1, 3, 3])
    expected = LabelBinarizer().fit(np.arange(4)).transform(labels)
    np.testing.assert_array_equal(one_hot(labels, 4), expected)
    assert one_hot(labels.reshape(5, 1), 4).shape == (5, 1, 4)
    np.testing.assert_array_equal(one_hot(jnp.array([-1, 4]), 4), np.zeros((2, 4)))


def test_multi_hot_counts_equal_bincount():
    ids = RNG.integers(0, 6, (8, 10))
    mask = RNG.integers(0, 2, ids.shape)
    plain = [np.bincount(row, minlength=6) for row in ids]
    masked = [np.bincount(row, keep, minlength=6) for row, keep in zip(ids, mask, strict=True)]
    np.testing.assert_array_equal(multi_hot_counts(jnp.asarray(ids), 6), plain)
    np.testing.assert_array_equal(multi_hot_counts(jnp.asarray(ids), 6, jnp.asarray(mask)), masked)


@pytest.mark.parametrize("dtype", [jnp.int8, jnp.int16, jnp.int32])
@pytest.mark.parametrize("size", [3, 200])
def test_multi_hot_counts_leave_out_ids_out_of_range(size, dtype):
    counts = multi_hot_counts(jnp.array([[-1, 0, 2, 3, 2, -100]], dtype), size)
    np.testing.assert_array_equal(counts, [np.bincount([0, 2, 3, 2], minlength=200)[:size]])
