"""Generative adversarial networks (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661)."""

import operator
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from jaxdl import metrics
from jaxdl.numerics import narrowed, norm, wide
from jaxdl.tasks._examples import examples, mean
from jaxdl.tasks.networks import Model, network
from jaxdl.types import Array, Batch, Metrics, PyTree, Task

GENERATOR, DISCRIMINATOR = "generator", "discriminator"

Penalty = Callable[[Callable[[Array], Array], Array, Array, Array], Array]
"""`(score, real [B, ...], fake [B, ...], key) -> [B]`, added to the loss of the discriminator."""


class Game(NamedTuple):
    """What each player minimizes, an example at a time, given the scores of the discriminator.

    generator: `fake [B] -> [B]`. discriminator: `(real [B], fake [B]) -> [B]`.
    """

    generator: Callable[[Array], Array]
    discriminator: Callable[[Array, Array], Array]


def _softplus(score: Array) -> Array:
    return jax.nn.softplus(*wide(score))


def _cross_entropy(real: Array, fake: Array) -> Array:
    return _softplus(-real) + _softplus(fake)


SATURATING = Game(lambda fake: -_softplus(fake), _cross_entropy)
"""With D = σ(score): −log D(x) − log(1 − D(G(z))) against log(1 − D(G(z))), the zero-sum game."""
NON_SATURATING = Game(lambda fake: _softplus(-fake), _cross_entropy)
"""The same discriminator against −log D(G(z)), whose gradient stays where D is sure of itself."""
WASSERSTEIN = Game(operator.neg, lambda real, fake: fake - real)
"""D(G(z)) − D(x) against −D(G(z)) (Arjovsky et al. 2017); D needs a penalty to be 1-Lipschitz."""


def gradient_penalty(weight: ArrayLike = 10.0) -> Penalty:
    """λ(‖∇D(x̂)‖₂ − 1)², x̂ uniform on the line from a real example to a generated one.

    weight: λ, may be traced. Source: Gulrajani et al. 2017, algorithm 1. The discriminator must
    score each example by itself: no batch normalization.
    """

    def penalty(score: Callable[[Array], Array], real: Array, fake: Array, key: Array) -> Array:
        (wide_real,) = wide(real)
        mix = jax.random.uniform(key, (len(real), *[1] * (real.ndim - 1)), wide_real.dtype)
        between = narrowed(mix * wide_real + (1 - mix) * fake, real)
        slopes = jax.grad(lambda x: score(x).sum())(between)
        return jnp.square(norm(slopes.reshape(len(real), -1)) - 1) * weight

    return penalty


def two_player(
    generator: optax.GradientTransformation,
    discriminator: optax.GradientTransformation,
    discriminator_steps: int = 1,
) -> optax.GradientTransformation:
    """One optimizer for each player, over the params of `gan`.

    discriminator_steps: updates of the discriminator to each one of the generator. The generator's
    gradient is still computed at every step; it is used at the last of so many. Different learning
    rates (two time scales, Heusel et al. 2017) need no more than two transformations.
    """
    if discriminator_steps > 1:
        generator = optax.conditionally_mask(
            generator, lambda step: step % discriminator_steps == discriminator_steps - 1
        )
    players = {GENERATOR: generator, DISCRIMINATOR: discriminator}
    return optax.partition(players, {name: name for name in players})


def gan(
    generator: Model,
    discriminator: Model,
    latent: int,
    *,
    game: Game = NON_SATURATING,
    penalty: Penalty | None = None,
) -> Task:
    """Two players as one task: the sum of their losses, neither of which moves the other's params.

    generator: called as `generator(z [B, latent], y, train=...)`, gives examples like `x`
    discriminator: called as `discriminator(x, y, train=...)`, gives scores `[B]`
    Batches are `{"x": [B, ...], "y": [B] (optional), "mask": [B] (optional)}`; `y` is None where a
    batch has none. Noise is standard normal, drawn from the step's key, one for each example, whose
    label and weight it shares. `predict` takes `{"z": [B, latent], "y": [B] (optional)}`.
    Params and model_state are `{"generator": ..., "discriminator": ...}`; see `two_player`.

    Running statistics of the discriminator pass through the real batch, then the generated one;
    each is normalized by its own. Padding has no weight, but would enter statistics of a batch.
    Reports `loss` (both players', without the penalty), `generator_loss`, `discriminator_loss`,
    `real_score`, `fake_score` and, with a penalty, `penalty`; in nats, or in the critic's unit.
    """

    makes, judges = network(generator), network(discriminator)

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        keys = jax.random.split(key)
        x, y = batch["x"], batch.get("y")
        z = jnp.zeros((len(x), latent))
        generated = makes.init(keys[0], z, y)
        judged = judges.init(keys[1], x, y)
        params, model_state = (
            {GENERATOR: of_generator, DISCRIMINATOR: of_discriminator}
            for of_generator, of_discriminator in zip(generated, judged, strict=True)
        )
        return params, model_state

    def objective(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        (real, weights), y = examples(batch), batch.get("y")
        noise, forward, real_key, fake_key, between = jax.random.split(key, 5)
        z = jax.random.normal(noise, (len(real), latent))
        fake, generator_state = makes.apply(
            params[GENERATOR], model_state[GENERATOR], z, y, key=forward, train=train
        )

        def score(params: PyTree, state: PyTree, x: Array, key: Array) -> tuple[Array, PyTree]:
            return judges.apply(params, state, x, y, key=key, train=train)

        own, fixed = params[DISCRIMINATOR], jax.lax.stop_gradient(params[DISCRIMINATOR])
        shown = jax.lax.stop_gradient(fake)
        real_scores, after_real = score(own, model_state[DISCRIMINATOR], real, real_key)
        fake_scores, state = score(own, after_real, shown, fake_key)
        # The same key: forward, this pass is the one above, and compiled once.
        judged, _ = score(fixed, after_real, fake, fake_key)
        values = {
            "generator_loss": game.generator(judged),
            "discriminator_loss": game.discriminator(real_scores, fake_scores),
            "real_score": real_scores,
            "fake_score": fake_scores,
        }
        values["loss"] = values["generator_loss"] + values["discriminator_loss"]
        minimized = values["loss"]
        if penalty is not None:
            values["penalty"] = penalty(
                lambda x: score(own, state, x, fake_key)[0], real, shown, between
            )
            minimized = minimized + values["penalty"]
        reported = {name: metrics.mean(value, weights) for name, value in values.items()}
        after = {GENERATOR: generator_state, DISCRIMINATOR: state}
        return mean(minimized, weights), (after, reported)

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> Array:
        own = params[GENERATOR], model_state[GENERATOR]
        return makes.apply(*own, batch["z"], batch.get("y"), train=False)[0]

    return Task(init, objective, predict)
