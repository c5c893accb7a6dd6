import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from jax.nn import initializers as reference
from support.compiling import traced_once

from jaxdl import initializers
from jaxdl.initializers import INITIALIZERS, switch

NAMES = tuple(INITIALIZERS)
FAN_IN, FAN_OUT = 500, 2000  # together 1e6 draws
KEY = jax.random.key(7)
EDGE = scipy.stats.truncnorm(-2, 2).std()

DISTRIBUTIONS = {
    "small_normal": scipy.stats.norm(scale=0.01),
    "large_normal": scipy.stats.norm(scale=1.0),
    "normal_fan_in": scipy.stats.norm(scale=FAN_IN**-0.5),
    "uniform": scipy.stats.uniform(-0.05, 0.1),
    "truncated_normal": scipy.stats.truncnorm(-2, 2, scale=0.02),
    "lecun_normal": scipy.stats.truncnorm(-2, 2, scale=FAN_IN**-0.5 / EDGE),
    "xavier_normal": scipy.stats.truncnorm(-2, 2, scale=(2 / (FAN_IN + FAN_OUT)) ** 0.5 / EDGE),
    "he_normal": scipy.stats.truncnorm(-2, 2, scale=(2 / FAN_IN) ** 0.5 / EDGE),
    "xavier_uniform": scipy.stats.uniform(
        -((6 / (FAN_IN + FAN_OUT)) ** 0.5), 2 * (6 / (FAN_IN + FAN_OUT)) ** 0.5
    ),
    "he_uniform": scipy.stats.uniform(-((6 / FAN_IN) ** 0.5), 2 * (6 / FAN_IN) ** 0.5),
}
VARIANCES = {
    "small_normal": 1e-4,
    "large_normal": 1.0,
    "normal_fan_in": 1 / FAN_IN,
    "uniform": 0.05**2 / 3,
    "lecun_normal": 1 / FAN_IN,
    "xavier_uniform": 2 / (FAN_IN + FAN_OUT),
    "xavier_normal": 2 / (FAN_IN + FAN_OUT),
    "he_uniform": 2 / FAN_IN,
    "he_normal": 2 / FAN_IN,
    "sparse": 15 / FAN_IN,
}
JAX_OWN = {
    "zeros": reference.zeros,
    "constant": reference.constant(0.1),
    "small_normal": reference.normal(0.01),
    "large_normal": reference.normal(1.0),
    "normal_fan_in": reference.variance_scaling(1.0, "fan_in", "normal"),
    "truncated_normal": reference.truncated_normal(0.02),
    "lecun_normal": reference.lecun_normal(),
    "xavier_uniform": reference.glorot_uniform(),
    "xavier_normal": reference.glorot_normal(),
    "he_uniform": reference.he_uniform(),
    "he_normal": reference.he_normal(),
    "orthogonal": reference.orthogonal(),
}
FLAGSHIP = (
    "zeros",
    "small_normal",
    "large_normal",
    "lecun_normal",
    "xavier_uniform",
    "he_normal",
    "orthogonal",
)


@functools.partial(jax.jit, static_argnums=(0, 1))
def draw(name, shape, key=KEY):
    return INITIALIZERS[name](key, shape)


@pytest.mark.parametrize("name", VARIANCES)
def test_mean_and_variance_of_a_million_draws(name):
    draws = np.asarray(draw(name, (FAN_IN, FAN_OUT)), np.float64)
    variance = VARIANCES[name]
    assert abs(draws.mean()) < 5 * (variance / draws.size) ** 0.5
    kurtosis = scipy.stats.kurtosis(draws, axis=None, fisher=False)
    assert abs(draws.var() / variance - 1) < 5 * ((kurtosis - 1) / draws.size) ** 0.5


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_draws_follow_the_distribution(name):
    draws = np.asarray(draw(name, (FAN_IN, FAN_OUT)), np.float64)[:100]
    assert scipy.stats.kstest(draws.reshape(-1), DISTRIBUTIONS[name].cdf).pvalue > 1e-3


@pytest.fixture(scope="module")
def ours_and_jax_own():
    def draw(key):
        shape = (5, 8, 16)
        return {
            name: (INITIALIZERS[name](key, shape), own(key, shape, jnp.float32))
            for name, own in JAX_OWN.items()
        }

    return jax.jit(draw)(KEY)


@pytest.mark.parametrize("name", JAX_OWN)
def test_equals_the_one_of_jax(ours_and_jax_own, name):
    ours, own = ours_and_jax_own[name]
    np.testing.assert_allclose(ours, own, rtol=2e-6, atol=1e-6)


def each_eagerly(init, keys):
    return [init(index, key) for index, key in enumerate(keys)]


def each_jitted(init, keys):
    compiled = traced_once(init)
    return [compiled(index, key) for index, key in enumerate(keys)]


def each_vmapped(init, keys):
    return jax.jit(jax.vmap(init))(np.arange(len(keys)), keys)


def each_mapped(init, keys):
    return jax.lax.map(lambda trial: init(*trial), (np.arange(len(keys)), keys))


@functools.cache
def one_of_each(shape):
    """A key and the draw of each initializer."""
    keys = jax.random.split(KEY, len(NAMES))

    @jax.jit
    def draw(keys):
        return [INITIALIZERS[name](key, shape) for name, key in zip(NAMES, keys, strict=True)]

    return keys, draw(keys)


@pytest.mark.parametrize("shape", [(16, 20), (3, 3, 8, 16)])
@pytest.mark.parametrize("each", [each_eagerly, each_jitted, each_vmapped, each_mapped])
def test_switch_equals_the_chosen_initializer(each, shape):
    keys, drawn = one_of_each(shape)
    values = each(lambda index, key: switch(index)(key, shape), keys)
    if not isinstance(values, list):
        values = np.asarray(values)
    for name, value, expected in zip(NAMES, values, drawn, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-6, err_msg=name)


def test_switch_draws_one_random_stream():
    program = jax.make_jaxpr(lambda index, key: switch(index, FLAGSHIP)(key, (8, 4)))(0, KEY)
    assert str(program).count("random_bits[") == 1


@pytest.mark.parametrize(("index", "name"), [(-1, "zeros"), (9, "orthogonal")])
def test_switch_clamps_its_index(index, name):
    value = jax.jit(lambda index: switch(index, FLAGSHIP)(KEY, (4, 4)))(index)
    np.testing.assert_allclose(value, draw(name, (4, 4)), rtol=1e-6, atol=1e-6)


def test_switch_refuses_an_unknown_name():
    with pytest.raises(KeyError, match="glorot"):
        switch(0, ("zeros", "glorot"))


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
def test_dtypes(dtype):
    def draw(key):
        values = {name: init(key, (20, 6), dtype) for name, init in INITIALIZERS.items()}
        return values | {"switch": switch(1, ("zeros", "orthogonal"))(key, (20, 6), dtype)}

    with jax.enable_x64(True):
        values = jax.jit(draw)(KEY)
    for name, value in values.items():
        assert (value.dtype, value.shape) == (dtype, (20, 6)), name
        assert np.isfinite(np.asarray(value, np.float64)).all(), name


def test_draws_in_double_precision_are_finer():
    with jax.enable_x64(True):
        draws = jax.jit(lambda key: INITIALIZERS["large_normal"](key, (20, 6), jnp.float64))(KEY)
    assert (np.asarray(draws) != np.asarray(draws, np.float32)).all()


@pytest.mark.parametrize("shape", [(64, 64), (128, 10), (10, 128), (3, 3, 8, 16)])
def test_orthogonal_rows_or_columns(shape):
    matrix = np.asarray(draw("orthogonal", shape)).reshape(-1, shape[-1])
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    np.testing.assert_allclose(tall.T @ tall, np.eye(tall.shape[1]), atol=1e-5)


def test_orthogonal_is_haar_distributed():
    @jax.jit
    def draws(key):
        keys = jax.random.split(key, 4000)
        return jax.vmap(lambda key: INITIALIZERS["orthogonal"](key, (3, 3)))(keys)

    matrices = np.asarray(draws(KEY))
    # A coordinate of a uniform point on the sphere is uniform, and both determinants are as likely.
    for entry in np.asarray(matrices, np.float64).reshape(-1, 9).T:
        assert scipy.stats.kstest(entry, scipy.stats.uniform(-1, 2).cdf).pvalue > 1e-3
    assert abs(np.linalg.det(matrices).mean()) < 5 / 4000**0.5


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3)])
def test_identity_of_matrices(shape):
    np.testing.assert_array_equal(draw("identity", shape), np.eye(*shape))


@pytest.mark.parametrize("field", [(3,), (2, 5)])
def test_identity_convolution_returns_its_input(field):
    x = np.random.default_rng(0).normal(size=(2, *(8,) * len(field), 4)).astype(np.float32)
    kernel = draw("identity", (*field, 4, 4))
    axes = "XY"[: len(field)]
    y = jax.lax.conv_general_dilated(
        x,
        kernel,
        (1,) * len(field),
        "SAME",
        dimension_numbers=(f"N{axes}C", f"{axes}IO", f"N{axes}C"),
    )
    np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize(("shape", "fan_in"), [((40, 7), 40), ((3, 3, 2, 5), 18), ((6, 5), 6)])
def test_sparse_has_so_many_connections_for_each_unit(shape, fan_in):
    weights = np.asarray(draw("sparse", shape)).reshape(fan_in, shape[-1])
    np.testing.assert_array_equal((weights != 0).sum(axis=0), min(15, fan_in))


def test_sparse_chooses_every_input_equally_often():
    weights = jax.jit(lambda: initializers.sparse(3)(KEY, (10, 4000)))()
    counts = np.asarray(weights != 0).sum(axis=1)
    assert scipy.stats.chisquare(counts, np.full(10, 1200)).pvalue > 1e-3
    values = np.asarray(weights, np.float64)[np.asarray(weights) != 0]
    assert scipy.stats.kstest(values, scipy.stats.norm.cdf).pvalue > 1e-3


def test_sparse_does_not_choose_by_the_values():
    drawn = jax.jit(lambda key: initializers.sparse(200)(key, (1000, 1)))(KEY)
    weights = np.asarray(drawn, np.float64)
    assert scipy.stats.kstest(weights[weights != 0], scipy.stats.norm.cdf).pvalue > 1e-3


@pytest.mark.parametrize("make", ["constant", "normal", "uniform", "truncated_normal"])
def test_scale_may_be_traced(make):
    factory = getattr(initializers, make)
    scales = (0.0, 0.5, 2.0)

    @jax.jit
    def both(traced):
        values = jax.vmap(lambda scale: factory(scale)(KEY, (3, 4)))(traced)
        return values, [factory(scale)(KEY, (3, 4)) for scale in scales]

    values, expected = both(jnp.array(scales))
    for value, wanted in zip(np.asarray(values), expected, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-6)


@pytest.mark.parametrize("name", ["lecun_normal", "xavier_uniform", "orthogonal", "identity"])
def test_a_vector_has_no_fans(name):
    with pytest.raises(ValueError, match=r"\(5,\)"):
        INITIALIZERS[name](KEY, (5,))


@functools.partial(jax.jit, static_argnums=0)
def hidden_weights_after_training(name):
    """Incoming weights of 4 hidden units after 20 steps on a small regression, biases from zero."""
    x = np.random.default_rng(1).normal(size=(32, 3)).astype(np.float32)
    keys = jax.random.split(KEY)
    params = {
        "w": INITIALIZERS[name](keys[0], (3, 4)),
        "b": jnp.zeros((1, 4)),
        "v": INITIALIZERS[name](keys[1], (4, 2)),
    }

    def loss(params):
        return jnp.mean((jnp.tanh(x @ params["w"] + params["b"]) @ params["v"] - x[:, :2]) ** 2)

    def step(params, _):
        return jax.tree.map(lambda p, g: p - 0.3 * g, params, jax.grad(loss)(params)), None

    first = params["w"]
    return first, jax.lax.scan(step, params, length=20)[0]["w"]


def test_zero_weights_learn_nothing():
    _, trained = hidden_weights_after_training("zeros")
    np.testing.assert_array_equal(trained, np.zeros((3, 4)))


def test_equal_weights_learn_but_hidden_units_stay_identical():
    first, trained = hidden_weights_after_training("constant")
    assert np.abs(trained - first).max() > 0.05
    np.testing.assert_allclose(trained, np.repeat(trained[:, :1], 4, axis=1), atol=1e-6)


def test_zero_biases_do_not_keep_units_identical():
    _, trained = hidden_weights_after_training("xavier_uniform")
    distances = np.abs(trained[:, :, None] - np.asarray(trained)[:, None, :]).max(axis=0)
    assert distances[~np.eye(4, dtype=bool)].min() > 0.05
