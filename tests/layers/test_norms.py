import functools
import warnings
from pathlib import Path

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import losses, tasks, train
from jaxdl.layers.norms import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RMSNorm

KEY = jax.random.key(0)
PER_EXAMPLE = {
    "layer": LayerNorm(),
    "group": GroupNorm(num_groups=2),
    "instance": InstanceNorm(),
    "rms": RMSNorm(),
}
X = np.random.default_rng(0).standard_normal((6, 3), np.float32)
X = X * np.array([0.3, 1, 4], np.float32) + 1
MASK = np.array([1, 1, 0, 1, 1, 0])


@pytest.fixture(scope="module")
def golden():
    """PyTorch's numbers; renew with tests/goldens/make_norms.py (`make goldens`)."""
    with np.load(Path(__file__).parents[1] / "goldens/norms.npz") as file:
        return {name: jnp.asarray(file[name], jnp.float32) for name in file.files}


def params_of(golden, name):
    return {"scale": golden["scale"]} | ({} if name == "rms" else {"bias": golden["bias"]})


def assert_torch(golden, name, outputs, gradients):
    """Outputs, and the gradients of Σ y·cos(x)."""
    by_params, by_x = gradients
    np.testing.assert_allclose(outputs, golden[f"{name}_y"], rtol=1e-5, atol=1e-5)
    # γ / σ is 30 for the narrowest feature.
    np.testing.assert_allclose(by_x, golden[f"{name}_x_gradient"], rtol=1e-5, atol=2e-4)
    theirs = {"scale": "weight", "bias": "bias"}
    for ours, gradient in by_params.items():
        expected = golden[f"{name}_{theirs[ours]}_gradient"]
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=3e-5)


@pytest.fixture(scope="module")
def per_example(golden):
    """Gradients, outputs, and outputs of each example alone, of all layers, compiled as one."""

    cos = jnp.cos(golden["x"][0])

    def objective(params, x, norm):
        y = norm.apply({"params": params}, x)
        return (y * cos).sum(), y

    @jax.jit
    def all_layers(x):
        results = {}
        for name, norm in PER_EXAMPLE.items():
            params = params_of(golden, name)
            gradients, y = jax.grad(objective, argnums=(0, 1), has_aux=True)(params, x, norm)
            singly = [norm.apply({"params": params}, x[i : i + 1]) for i in range(2)]
            results[name] = gradients, y, jnp.concatenate(singly)
        return results

    return all_layers(golden["x"][0])


@pytest.mark.parametrize("name", PER_EXAMPLE)
def test_outputs_and_gradients_are_those_of_torch(name, golden, per_example):
    gradients, outputs, _ = per_example[name]
    assert_torch(golden, name, outputs, gradients)


@pytest.mark.parametrize("name", PER_EXAMPLE)
def test_an_example_alone_is_normalized_as_in_a_batch(name, per_example):
    _, outputs, singly = per_example[name]
    np.testing.assert_allclose(outputs[:2], singly, rtol=1e-5, atol=1e-5)


def test_batch_norm_trains_and_predicts_as_torch(golden):
    """Three steps of running statistics, then their use; torch's running variance is unbiased."""

    def objective(params, x, state, cos, train):
        y, state = BatchNorm().apply(
            {"params": params, **state}, x, train=train, mutable=["batch_stats"]
        )
        return (y * cos).sum(), (y, state)

    compute = jax.jit(jax.grad(objective, argnums=(0, 1), has_aux=True), static_argnums=4)
    params, state = params_of(golden, "batch"), {"batch_stats": {}}
    state["batch_stats"] = {"mean": jnp.zeros(4), "var": jnp.ones(4)}
    n = golden["x"][0, ..., 0].size
    for step, x in enumerate(golden["x"]):
        gradients, (outputs, state) = compute(params, x, state, jnp.cos(x), True)
        assert_torch(golden, f"batch_{step}", outputs, gradients)
        mean, var = state["batch_stats"]["mean"], state["batch_stats"]["var"]
        np.testing.assert_allclose(mean, golden[f"batch_{step}_mean"], rtol=1e-5)
        # What is left of the first variance, 1, is the same in both; the rest has Bessel's factor.
        left = 0.9 ** (step + 1)
        unbiased = left + (var - left) * n / (n - 1)
        np.testing.assert_allclose(unbiased, golden[f"batch_{step}_var"], rtol=1e-5)
    x = golden["x"][0]
    state["batch_stats"]["var"] = golden["batch_2_var"]
    gradients, (outputs, after) = compute(params, x, state, jnp.cos(x), False)
    assert_torch(golden, "batch_eval", outputs, gradients)
    jax.tree.map(np.testing.assert_array_equal, after, state)


@jax.jit
def trained(x, mask=None, **options):
    """Output in training and the running statistics after it, from mean 0 and variance 1."""
    variables = {
        "params": {"scale": jnp.array([1.0, 2.0, 3.0]), "bias": jnp.array([0.0, 1.0, -1.0])},
        "batch_stats": {"mean": jnp.zeros(3), "var": jnp.ones(3)},
    }
    norm = BatchNorm(**options)
    return norm.apply(variables, x, train=True, mask=mask, mutable=["batch_stats"])


def test_rows_that_are_masked_do_not_exist():
    y, state = trained(X[MASK > 0])
    for filler in (0.0, 1e6):
        padded = np.where(MASK[:, None] > 0, X, np.float32(filler))
        padded_y, padded_state = jax.device_get(trained(padded, MASK))
        np.testing.assert_allclose(padded_y[MASK > 0], y, rtol=1e-6, atol=1e-6)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), padded_state, state)


def test_gradient_does_not_reach_masked_rows_nor_come_from_them():
    def objective(x):
        return (jnp.sin(trained(x, MASK)[0]) * MASK[:, None]).sum()

    gradient = np.asarray(jax.jit(jax.grad(objective))(X))
    assert (gradient[MASK == 0] == 0).all()
    alone = jax.jit(jax.grad(lambda x: jnp.sin(trained(x)[0]).sum()))(X[MASK > 0])
    np.testing.assert_allclose(gradient[MASK > 0], alone, rtol=1e-4, atol=1e-5)


def test_a_batch_of_padding_leaves_the_running_statistics_alone():
    y, state = trained(X, np.zeros(6))
    assert np.isfinite(y).all()
    np.testing.assert_array_equal(state["batch_stats"]["mean"], np.zeros(3))
    np.testing.assert_array_equal(state["batch_stats"]["var"], np.ones(3))


def test_mask_of_images_leaves_out_whole_images():
    x = np.random.default_rng(1).standard_normal((6, 2, 2, 3), np.float32)
    _, masked = trained(x, MASK)
    kept = x[MASK > 0].reshape(-1, 3)
    np.testing.assert_allclose(masked["batch_stats"]["mean"], 0.1 * kept.mean(axis=0), atol=1e-6)
    expected = 0.9 + 0.1 * kept.var(axis=0)
    np.testing.assert_allclose(masked["batch_stats"]["var"], expected, rtol=1e-6)


def test_one_value_of_each_feature_is_warned_of_and_gives_the_bias():
    with pytest.warns(UserWarning, match="one value of each feature"):
        y, _ = trained(X[:1])
    np.testing.assert_array_equal(y, [[0.0, 1.0, -1.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained(X[:1, None, None] * np.ones((1, 2, 2, 1), np.float32))


def test_momentum_and_epsilon_may_be_traced_in_every_placement():
    momenta, epsilons = jnp.array([0.0, 0.5, 0.99]), jnp.array([1e-5, 1e-2, 1.0])

    def one(hparams):
        return trained(X, MASK, momentum=hparams[0], epsilon=hparams[1])

    stacked = jax.tree.map(
        lambda *leaves: jnp.stack(leaves), *map(one, zip(momenta, epsilons, strict=True))
    )
    assert (stacked[0][0] != stacked[0][2]).any()
    for placed in (jax.vmap(one)((momenta, epsilons)), jax.lax.map(one, (momenta, epsilons))):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), placed, stacked
        )


def test_scale_of_the_weights_before_it_does_not_matter_to_batch_norm():
    """BN(aWx) = BN(Wx), so the gradient by aW is that by W over a (Ioffe & Szegedy 2015, 3.3)."""
    weights = np.random.default_rng(1).standard_normal((3, 3), np.float32)

    @jax.jit
    @jax.value_and_grad
    def compute(weights):
        return jnp.sin(trained(X @ weights, epsilon=0.0)[0]).sum()

    value, gradient = compute(weights)
    for scale in (1e-2, 1e3):
        scaled, scaled_gradient = compute(np.float32(scale) * weights)
        np.testing.assert_allclose(scaled, value, rtol=1e-5)
        scaled_gradient = scale * np.asarray(scaled_gradient)
        np.testing.assert_allclose(scaled_gradient, gradient, rtol=1e-3, atol=1e-4)


def test_small_variance_around_a_large_mean_survives():
    """Float32 holds 1,000 ± 1 to 6e-5: a difference of squares would hold nothing of the 1."""
    x = 1000 + np.random.default_rng(0).standard_normal((64, 3), np.float32)
    y, _ = trained(x)
    exact = np.asarray(x, np.float64)
    standard = (exact - exact.mean(axis=0)) / np.sqrt(exact.var(axis=0) + 1e-5)
    expected = np.array([1, 2, 3]) * standard + np.array([0, 1, -1])
    np.testing.assert_allclose(y, expected, atol=1e-3)
    for norm in (LayerNorm(), GroupNorm(num_groups=1)):
        y, _ = jax.jit(norm.init_with_output)(KEY, x.T)
        np.testing.assert_allclose(y, standard.T, atol=1e-3)
    y, _ = jax.jit(InstanceNorm().init_with_output)(KEY, x[None])
    np.testing.assert_allclose(y[0], standard, atol=1e-3)


class Normed(nn.Module):
    @nn.compact
    def __call__(self, x, *, train):
        return nn.Dense(2)(BatchNorm(momentum=0.5)(x, train=train))


def test_running_statistics_go_through_training_as_model_state():
    task, tx = tasks.supervised(Normed(), losses.squared_error), optax.sgd(0.1)
    x = X
    batches = [{"x": x[rows], "y": x[rows, :2]} for rows in ([0, 1, 2], [3, 4, 5])]
    state = jax.jit(lambda: train.init(task, tx, KEY, batches[0]))()
    mean, var = np.zeros(3), np.ones(3)
    for batch, (state, _) in zip(batches, train.fit(task, tx, state, batches), strict=True):
        mean = 0.5 * mean + 0.5 * batch["x"].mean(axis=0)
        var = 0.5 * var + 0.5 * batch["x"].var(axis=0)
    assert set(state.params) == {"BatchNorm_0", "Dense_0"}
    stats = state.model_state["batch_stats"]["BatchNorm_0"]
    np.testing.assert_allclose(stats["mean"], mean, rtol=1e-5)
    np.testing.assert_allclose(stats["var"], var, rtol=1e-5)

    norm, dense = state.params["BatchNorm_0"], state.params["Dense_0"]
    h = norm["scale"] * (x[0] - mean) / np.sqrt(var + 1e-5) + norm["bias"]
    # One row alone: there is no batch to take statistics from.
    outputs = task.predict(state.params, state.model_state, {"x": x[:1]})
    expected = h @ dense["kernel"] + dense["bias"]
    np.testing.assert_allclose(outputs[0], expected, rtol=1e-4, atol=1e-5)


def test_groups_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(ValueError, match=r"groups \(2\) does not divide .* channels \(3\)"):
        GroupNorm(num_groups=2).init(KEY, X)


def test_derivatives_with_padding_are_those_of_flax():
    """First and second, for every argument, ε too; Flax differentiates its own formula."""
    mask = MASK[:, None]
    x = np.where(mask == 0, 3.0, X.astype(np.float64))
    values = {"params": {"scale": np.array([0.5, 1.0, 2.0]), "bias": np.ones(3)}}
    values |= {"x": x, "epsilon": np.array(0.1)}

    def objective(values, flax):
        epsilon = values["epsilon"]
        if flax:
            norm = nn.BatchNorm(use_running_average=False, epsilon=epsilon, use_fast_variance=False)
            call = {"mask": mask}
        else:
            norm, call = BatchNorm(epsilon=epsilon), {"mask": MASK, "train": True}
        y, _ = norm.apply(
            {"params": values["params"], "batch_stats": {"mean": jnp.zeros(3), "var": jnp.ones(3)}},
            values["x"],
            **call,
            mutable="batch_stats",
        )
        return jnp.sin(y).sum()

    @jax.jit
    def derivatives(values):
        found = []
        for flax in (False, True):
            first = jax.grad(objective)(values, flax)
            second = jax.grad(lambda v, f=flax: optax.tree.norm(jax.grad(objective)(v, f)))(values)
            found.append((first, second))
        return found

    with jax.enable_x64(True):
        ours, theirs = derivatives(values)
    chex.assert_trees_all_close(ours, theirs, rtol=1e-8)


def test_bfloat16_is_normalized_in_float32():
    x = (100 + X).astype(jnp.bfloat16)
    begin = functools.partial(BatchNorm().init_with_output, train=True)
    y, variables = begin(KEY, x)
    narrow = jax.tree.map(lambda p: np.asarray(p).astype(jnp.bfloat16), variables["params"])

    def total(params):
        outputs, _ = BatchNorm().apply(
            {**variables, "params": params}, x, train=True, mutable="batch_stats"
        )
        return outputs.sum()

    chex.assert_trees_all_equal_dtypes(jax.eval_shape(jax.grad(total), narrow), narrow)
    wide, _ = jax.jit(begin)(KEY, x.astype(np.float32))
    np.testing.assert_allclose(y, wide, rtol=1e-6, atol=1e-6)
