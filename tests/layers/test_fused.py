"""Layers whose parameter holds several matrices side by side: an initializer sees each alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.nn import initializers as jnn

from jaxdl.initializers import INITIALIZERS, side_by_side
from jaxdl.layers.activations import Maxout
from jaxdl.layers.cells import CELLS
from jaxdl.layers.conv import Conv
from jaxdl.layers.recurrent import RNN
from jaxdl.layers.wavefront import Wavefront
from jaxdl.models import VAE, FixedContext

KEY = jax.random.key(3)
H = 24


def side(kernel, count):
    """`[..., n_in, count · n_out]` as a list of `[..., n_in, n_out]`."""
    return jnp.split(kernel, count, axis=-1)


def all_layers(init):
    """The matrices of each layer, by its name."""
    x, step = jnp.ones((1, H)), jnp.ones((1, 1, H))
    found = {}
    for name, cell in CELLS.items():
        layer = RNN(H, cell, kernel_init=init, recurrent_init=init)
        params = layer.init(KEY, step)["params"]
        for leaf in ("kernel", "recurrent_kernel"):
            found[f"{name} {leaf}"] = side(params[leaf], cell.gates)
    for name in ("lstm", "gru"):
        layer = Wavefront(H, 2, CELLS[name], kernel_init=init, recurrent_init=init)
        recurrent = layer.init(KEY, step)["params"]["recurrent_kernel"]
        gates = [side(of_layer, CELLS[name].gates) for of_layer in recurrent]
        found[f"wavefront of {name}"] = [gate for of_layer in gates for gate in of_layer]
    layer = Conv(4 * H, (1, 3), groups=4, kernel_init=init)
    convolution = layer.init(KEY, jnp.ones((1, 1, 3, 4 * H)))["params"]["kernel"]
    found["convolution in groups"] = side(convolution, 4)
    decoder = FixedContext(H, CELLS["lstm"], kernel_init=init)
    first = decoder.init(KEY, x, jnp.ones((1, 2, H)), jnp.ones((1, 2)), method="begin")
    found["first states of a decoder"] = side(first["params"]["first"]["kernel"], 2)
    code = VAE((H,), (), H, kernel_init=init).init(KEY, x, train=False)["params"]["encoder"]
    found["mean and variance of a code"] = side(code["Dense_0"]["kernel"], 2)
    pieces = Maxout(H, 3, kernel_init=init).init(KEY, x)["params"]["Dense_0"]["kernel"]
    found["pieces of maxout"] = list(jnp.moveaxis(pieces.reshape(H, H, 3), -1, 0))
    return found


NAMES = list(jax.eval_shape(lambda: all_layers(INITIALIZERS["zeros"])))
DRAWN = ("lstm kernel", "lstm recurrent_kernel", "wavefront of gru", "convolution in groups")


@pytest.fixture(scope="module")
def identities():
    return jax.device_get(jax.jit(lambda: all_layers(INITIALIZERS["identity"]))())


@pytest.fixture(scope="module")
def drawn():
    """Of random initializers a few layers alone, as each draw takes its time to compile."""

    def some(init):
        found = all_layers(init)
        return {name: found[name] for name in DRAWN}

    names = ("orthogonal", "xavier_normal")
    return jax.device_get(jax.jit(lambda: {name: some(INITIALIZERS[name]) for name in names})())


@pytest.mark.parametrize("layer", NAMES)
def test_every_matrix_is_the_identity(layer, identities):
    for matrix in identities[layer]:
        np.testing.assert_array_equal(matrix if matrix.ndim == 2 else matrix[0, 1], np.eye(H))
        assert np.count_nonzero(matrix) == H


@pytest.mark.parametrize("layer", DRAWN)
def test_every_matrix_is_orthogonal(layer, drawn):
    for matrix in drawn["orthogonal"][layer]:
        values = np.linalg.svd(matrix.reshape(-1, H), compute_uv=False)
        np.testing.assert_allclose(values, 1, atol=1e-5)


@pytest.mark.parametrize("layer", DRAWN)
def test_fans_are_those_of_one_matrix(layer, drawn):
    """Variance 2 / (fan_in + fan_out): 1 / H for a gate, not 2 / 5H as for four gates in one."""
    matrices = np.stack(drawn["xavier_normal"][layer])
    field = matrices[0, ..., 0, 0].size
    expected = 2 / (field * 2 * H)
    assert matrices.var() == pytest.approx(expected, rel=5 * (2 / matrices.size) ** 0.5)
    assert len({matrix.tobytes() for matrix in matrices}) == len(matrices)


@pytest.mark.parametrize("name", ["constant", "uniform", "orthogonal", "sparse"])
def test_parts_are_what_the_initializer_gives_with_keys_of_their_own(name):
    init = INITIALIZERS[name]

    @jax.jit
    def both(key):
        alone = [init(key, (2, 5, 4)) for key in jax.random.split(key, 3)]
        return side_by_side(init, 3)(key, (2, 5, 12)), alone

    ours, alone = both(KEY)
    np.testing.assert_allclose(ours, np.concatenate(alone, axis=-1), rtol=1e-5, atol=1e-6)


def test_on_cpu_matrices_are_factorized_one_at_a_time():
    def lanes(keys):
        return jax.vmap(lambda key: side_by_side(INITIALIZERS["orthogonal"], 4)(key, (8, 32)))(keys)

    text = jax.jit(lanes).lower(jax.random.split(KEY, 3)).as_text()
    (call,) = [line for line in text.splitlines() if "@lapack_sgeqrf" in line]
    assert "(tensor<8x8xf32>)" in call


def test_one_part_is_what_it_was_and_parts_of_unequal_width_are_refused():
    init = INITIALIZERS["xavier_normal"]
    np.testing.assert_array_equal(side_by_side(init, 1)(KEY, (5, 10)), init(KEY, (5, 10)))
    with pytest.raises(ValueError, match=r"3 equal matrices do not fill \(5, 10\)"):
        side_by_side(init, 3)(KEY, (5, 10))


@pytest.fixture(scope="module")
def biases():
    """Of a layer of every cell, compiled as one."""

    def bias(cell):
        layer = RNN(3, cell, kernel_init=jnn.zeros, recurrent_init=jnn.zeros)
        return layer.init(KEY, jnp.ones((1, 1, 2)))["params"]["bias"]

    all_cells = jax.jit(lambda: {name: bias(cell) for name, cell in CELLS.items()})
    return jax.device_get(all_cells())


@pytest.mark.parametrize("name", CELLS)
def test_only_the_gate_that_forgets_starts_with_a_bias(name, biases):
    cell = CELLS[name]
    expected = np.zeros((cell.gates, 3))
    if cell.forget is not None:
        expected[cell.forget] = 1
    np.testing.assert_array_equal(biases[name].reshape(cell.gates, 3), expected)
