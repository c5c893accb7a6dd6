import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.preprocessing import LabelBinarizer, MaxAbsScaler, StandardScaler

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
    columns = {"per_column": x[0].size, "per_channel": x.shape[-1]}.get(name, 1)
    return x.reshape(-1, columns).astype(np.float64)


def _reference(name, x):
    table = _as_table(name, x)
    if name == "none":
        return x
    scaler = MaxAbsScaler() if name == "max" else StandardScaler()
    return scaler.fit_transform(table).reshape(x.shape)


@pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS)
@pytest.mark.parametrize("name", SCALINGS)
def test_equals_sklearn(name, x):
    scaled = apply(SCALINGS[name](x), x)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, _reference(name, x), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name", SCALINGS)
def test_every_array_is_float32(name):
    assert all(part.dtype == np.float32 for part in SCALINGS[name](INPUTS["constant column"]))


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
    np.testing.assert_allclose(on_device, apply(scaling, x), rtol=1e-6, atol=1e-6)


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


def test_multi_hot_counts_leave_out_ids_out_of_range():
    counts = multi_hot_counts(jnp.array([[-1, 0, 2, 3, 2]]), 3)
    np.testing.assert_array_equal(counts, [[1, 0, 2]])
