"""Evidence lower bound of a variational autoencoder. Kingma & Welling 2014, arXiv:1312.6114

Its weighted form: Higgins et al. 2017, β-VAE.
"""

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl import losses, metrics
from jaxdl.numerics import narrowed, wide
from jaxdl.tasks import linen
from jaxdl.tasks._examples import examples, mean
from jaxdl.types import Array, Batch, Metrics, PyTree, Task


def variational(
    model: nn.Module,
    *,
    negative_log_likelihood: Callable[[Array, Array], Array] = losses.binary_cross_entropy,
    beta: ArrayLike = 1.0,
) -> Task:
    """Task that minimizes E_q[−log p(x | z)] + β · KL(q(z | x) ‖ N(0, I)), in nats an example.

    model: Linen module with `encode(x, train=...) -> (μ, log σ²)`, both `[B, K]`, and
        `decode(z, train=...) -> outputs [B, ...]`.
    negative_log_likelihood: `(outputs, x) -> [B, ...]` in nats; summed over the elements. The
        default takes logits, for x in [0, 1].
    beta: may be traced.
    Reports `loss` (the negative bound, β = 1 whatever is minimized), `reconstruction` and `kl`. The
    expectation is that of one draw, in evaluation too; `predict` decodes the mean.
    Batches are `{"x": [B, ...], "mask": [B] (optional)}`.
    """

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        return linen.init(model, key, batch["x"])

    def objective(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        x, weights = examples(batch)
        noise_key, key = jax.random.split(key)

        def through(module: nn.Module, x: Array) -> tuple[Array, Array, Array]:
            mu, log_variance = module.encode(x, train=train)
            z = reparameterize(noise_key, mu, log_variance)
            return module.decode(z, train=train), mu, log_variance

        (outputs, mu, log_variance), model_state = linen.apply(
            model, params, model_state, x, key=key, train=train, method=through
        )
        values = negative_log_likelihood(outputs, x).reshape(len(weights), -1).sum(axis=1)
        kl = standard_normal_kl(mu, log_variance)
        reported = {
            "loss": metrics.mean(values + kl, weights),
            "reconstruction": metrics.mean(values, weights),
            "kl": metrics.mean(kl, weights),
        }
        return mean(values + beta * kl, weights), (model_state, reported)

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> Array:
        return linen.apply(model, params, model_state, batch["x"], train=False)[0]

    return Task(init, objective, predict)


def reparameterize(key: Array, mean: Array, log_variance: Array) -> Array:
    """μ + σ ⊙ ε with ε ~ N(0, I): a draw whose gradient reaches mean and log variance `[B, K]`."""
    (centre,) = wide(mean)  # a normal drawn in 16 bits has no tails
    drawn = jax.random.normal(key, centre.shape, centre.dtype)
    return narrowed(centre + jnp.exp(log_variance / 2) * drawn, mean)


def standard_normal_kl(mean: Array, log_variance: Array) -> Array:
    """KL(N(μ, diag σ²) ‖ N(0, I)) = ½ Σ_j (μ_j² + σ_j² − 1 − log σ_j²), in nats.

    μ and log σ² `[..., K]` give `[...]`, in float32 at least.
    """
    mean, log_variance = wide(mean, log_variance)
    return jnp.sum(mean**2 + jnp.expm1(log_variance) - log_variance, axis=-1) / 2


def gaussian_nll(outputs: Array, x: Array, scale: ArrayLike) -> Array:
    """−log N(x; outputs, scale²) in nats, elementwise; `scale` is a positive number."""
    (scale,) = wide(scale)
    return losses.squared_error(outputs, x) / scale**2 / 2 + jnp.log(scale) + math.log(math.tau) / 2
