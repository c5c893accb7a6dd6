import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from jaxdl import train
from jaxdl.models import VAE
from jaxdl.tasks import gaussian_nll, reparameterize, standard_normal_kl, variational

KEY = jax.random.key(0)
X = np.random.default_rng(0).uniform(size=(5, 3)).astype(np.float32)


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (1.5, 0.3), (-0.5, 2.0)])
def test_kl_is_the_integral(mean, deviation):
    q = stats.norm(mean, deviation)
    expected, _ = integrate.quad(
        lambda z: q.pdf(z) * (q.logpdf(z) - stats.norm.logpdf(z)), -20, 20, points=[mean]
    )
    variance = np.array([2 * np.log(deviation)], np.float32)
    found = jax.jit(standard_normal_kl)(np.array([mean], np.float32), variance)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_kl_adds_over_the_code_and_is_exact_near_its_least():
    # ½(eᵛ − 1 − v) = v²/4 for small v, where 1 + v would lose the digits.
    mean = np.array([[1, 2], [0, 0], [0, 0]], np.float32)
    log_variance = np.array([[0, 0], [0, 0], [1e-2, 0]], np.float32)
    *exact, tiny = jax.jit(standard_normal_kl)(mean, log_variance).tolist()
    np.testing.assert_allclose(exact, [2.5, 0])
    assert tiny == pytest.approx(1e-4 / 4, rel=5e-3)


def test_draws_have_the_mean_and_deviation_and_pass_gradients_to_both():

    @jax.jit
    @functools.partial(jax.grad, argnums=(0, 1), has_aux=True)
    def drawn(mean, log_variance):
        draws = reparameterize(KEY, mean, log_variance)
        return draws.sum(), draws

    moments = (np.full(4000, number, np.float32) for number in (3, 2 * np.log(0.5)))
    gradients, draws = jax.device_get(drawn(*moments))
    assert stats.kstest(draws, stats.norm(3, 0.5).cdf).pvalue > 1e-3
    np.testing.assert_allclose(gradients[0], 1)
    np.testing.assert_allclose(gradients[1], (draws - 3) / 2, atol=1e-5)


def test_gaussian_nll_is_scipys():
    outputs, x = np.array([0, 1], np.float32), np.array([0.5, -2], np.float32)
    expected = -stats.norm.logpdf(x, outputs, 0.7)
    np.testing.assert_allclose(jax.jit(gaussian_nll)(outputs, x, 0.7), expected, rtol=1e-6)


def test_the_bound_is_the_evidence_at_the_true_posterior_and_above_it_elsewhere():
    """x = wz + b + noise: the posterior of z is normal, and linear in x."""
    w, b, scale = np.array([1.5, -0.5]), np.array([0.2, 0.4]), 0.6
    x = np.array([[1.0, 0.3]], np.float32)
    evidence = stats.multivariate_normal(b, np.outer(w, w) + scale**2 * np.eye(2)).logpdf(x[0])
    task = variational(
        VAE((2,), (), 1), negative_log_likelihood=lambda mean, x: gaussian_nll(mean, x, scale)
    )
    precision = 1 + w @ w / scale**2
    gain = w / scale**2 / precision
    kernel, bias = np.stack([gain, [0, 0]], axis=1), np.array([-b @ gain, -np.log(precision)])

    @jax.jit
    def bound(shift):
        encoder = {"kernel": jnp.array(kernel), "bias": jnp.array(bias) + shift}
        decoder = {"kernel": jnp.array(w[None]), "bias": jnp.array(b)}
        params = {"encoder": {"Dense_0": encoder}, "decoder": {"Dense_0": decoder}}
        many = jnp.broadcast_to(jnp.asarray(x), (20_000, 2))
        metrics = task.loss(params, {}, {"x": many}, KEY, train=False)[1][1]
        return train.mean(metrics)["loss"]

    assert float(bound(np.zeros(2, np.float32))) == pytest.approx(-evidence, abs=0.02)
    # Another q adds KL(q ‖ posterior): with the mean moved by δ, δ² / 2σ².
    moved = -evidence + 0.3**2 * precision / 2
    assert float(bound(np.array([0.3, 0], np.float32))) == pytest.approx(moved, abs=0.03)


def test_beta_weighs_the_kl_that_is_minimized_and_may_be_traced():
    model = VAE((3,), (), 2)
    params, state = jax.jit(variational(model).init)(KEY, {"x": X})

    @jax.jit
    @jax.vmap
    def measure(beta):
        value, (_, metrics) = variational(model, beta=beta).loss(
            params, state, {"x": X}, KEY, train=True
        )
        return value, train.mean(metrics)

    values, means = jax.device_get(measure(np.array([0, 1, 4], np.float32)))
    np.testing.assert_allclose(
        values - means["reconstruction"],
        [0, *(means["kl"][1:] * np.array([1, 4]))],
        rtol=1e-4,
        atol=1e-6,
    )
    np.testing.assert_allclose(means["loss"], values[1], rtol=1e-6)


def test_padding_changes_nothing():
    model = VAE((3,), (4,), 2)
    task = variational(model)
    params, state = jax.jit(task.init)(KEY, {"x": X})
    x = np.concatenate([X, np.full((3, 3), np.nan, np.float32)])

    @jax.jit
    def measure(x):
        batch = {"x": x, "mask": jnp.array([1.0] * 5 + [0.0] * 3)}
        return jax.value_and_grad(task.loss, has_aux=True)(params, state, batch, KEY, train=True)

    (value, _), gradient = measure(np.nan_to_num(x))
    (same, (_, metrics)), padded = measure(x)
    assert np.isfinite(value)
    assert float(value) == float(same)
    jax.tree.map(np.testing.assert_array_equal, padded, gradient)

    @jax.jit
    def divergence():
        moments = model.apply({"params": params}, X, train=False, method="encode")
        return standard_normal_kl(*moments)

    expected = np.sum(divergence())
    np.testing.assert_allclose(metrics["kl"], [expected, 5], rtol=1e-5)
