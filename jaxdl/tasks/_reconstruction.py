"""Autoencoding: the target is the input. Denoising: Vincent et al. 2008, 10.1145/1390156.1390294

Sparse codes: A. Ng, Sparse autoencoder, CS294A lecture notes, 2011.
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl import losses, metrics
from jaxdl.numerics import wide
from jaxdl.tasks import linen
from jaxdl.tasks._examples import examples, mean
from jaxdl.types import Array, Batch, LossOfOutputs, Metrics, PyTree, Task


def reconstruction(
    model: nn.Module,
    *,
    loss: Callable[[Array, Array], Array] = losses.squared_error,
    corrupt: Callable[[Array, Array], Array] | None = None,
    code_penalty: Callable[[Array, Array], Array] | None = None,
) -> Task:
    """Task of giving back `x: [B, ...]`; reports `loss`, the mean over the elements of an example.

    model: Linen module with `encode(x, train=...) -> code` and `decode(code, train=...) -> x̂`.
    loss: `(x̂, x) -> [B, ...]`.
    corrupt: `(key, x) -> x`, pure: the model sees this, in training and in evaluation, and is to
        give back the clean `x`. `predict` corrupts nothing.
    code_penalty: `(code, weights [B]) -> scalar`, minimized with the loss but not reported in it.
    Batches are `{"x": [B, ...], "mask": [B] (optional)}`; whatever else they hold is ignored.
    """

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        return linen.init(model, key, batch["x"])

    def given(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[PyTree, PyTree]:
        x, _ = examples(batch)
        noise_key, key = jax.random.split(key)

        def through(module: nn.Module, x: Array) -> tuple[Array, Array]:
            code = module.encode(x, train=train)
            return code, module.decode(code, train=train)

        seen = x if corrupt is None else corrupt(noise_key, x)
        return linen.apply(model, params, model_state, seen, key=key, train=train, method=through)

    def judge(given: PyTree, params: PyTree, batch: Batch) -> tuple[Array, Metrics]:
        code, outputs = given
        x, weights = examples(batch)
        values = loss(outputs, x).reshape(len(weights), -1).mean(axis=1)
        penalty = 0.0 if code_penalty is None else code_penalty(code, weights)
        reported = {"loss": metrics.mean(values, weights)}
        return mean(values, weights) + penalty, reported

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> Array:
        return linen.apply(model, params, model_state, batch["x"], train=False)[0]

    return Task(init, LossOfOutputs(given, judge), predict)


def absolute_code(code: Array, weights: Array) -> Array:
    """Σ_j |z_j|, the mean over examples of the codes `[B, K]`: an L1 penalty."""
    (code,) = wide(code)
    # The derivative of jnp.abs at 0 is 1, which would move exact zeros.
    return mean((code * jnp.sign(code)).sum(axis=-1), weights)


def code_divergence(code: Array, weights: Array, target: ArrayLike) -> Array:
    """Σ_j KL(ρ ‖ ρ̂_j) in nats, ρ̂_j the mean of unit j over the examples and ρ the target.

    code: `[B, K]` in (0, 1), as a sigmoid gives it; target in (0, 1), a small number.
    """
    code, weights, rho = wide(code, weights, target)
    active = (code * weights[:, None]).sum(axis=0) / jnp.where(weights.sum() > 0, weights.sum(), 1)
    tiny = jnp.finfo(code.dtype).eps
    active = jnp.clip(active, tiny, 1 - tiny)
    on = rho * (jnp.log(rho) - jnp.log(active))
    return jnp.sum(on + (1 - rho) * (jnp.log1p(-rho) - jnp.log1p(-active)))
