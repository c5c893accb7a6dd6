"""The noisy quadratic model (Zhang et al. 2019, https://arxiv.org/abs/1907.04164)."""

import jax
import jax.numpy as jnp

from jaxdl.types import Array, Batch, Metrics, PyTree, Task


def noisy_quadratic(dimensions: int) -> Task:
    """½ Σ hᵢ wᵢ² with gradient noise of variance hᵢ, hᵢ = 1/i, from w ~ N(0, 1).

    Two walks side by side, of independent noise: by the first a rate may be chosen, the second is
    reported as `loss`. `predict` gives both risks, `[2]`. A batch is not looked at.
    """
    h = 1 / jnp.arange(1.0, dimensions + 1)

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        return {"w": jax.random.normal(key, (2, dimensions))}, {}

    def risk(params: PyTree) -> Array:
        return 0.5 * jnp.sum(h[None] * params["w"] ** 2, axis=1)

    def loss(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        risks = risk(params)
        noise = jax.random.normal(key, (2, dimensions)) * jnp.sqrt(h)[None]
        reported = {"loss": (risks[1], jnp.ones(()))}
        return risks.sum() + jnp.sum(noise * params["w"]), (model_state, reported)

    return Task(init, loss, lambda params, model_state, batch: risk(params))
