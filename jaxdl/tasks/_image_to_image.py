"""Image-to-image translation, from pairs and without. Isola et al. 2017; Zhu et al. 2017.

https://arxiv.org/abs/1611.07004 (pix2pix), https://arxiv.org/abs/1703.10593 (CycleGAN)
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl import metrics
from jaxdl.tasks import linen
from jaxdl.tasks._examples import mean, weights
from jaxdl.tasks._gan import GENERATOR, NON_SATURATING, Game, gan
from jaxdl.types import Array, Batch, Metrics, PyTree, Task

TO_Y, TO_X = "to_y", "to_x"


class _FromImage(nn.Module):
    """A generator that makes its image of another, and takes no noise."""

    network: nn.Module

    def __call__(self, z: Array, y: Array, *, train: bool) -> Array:
        return self.network(y, train=train)


class _OfPair(nn.Module):
    """A discriminator that sees an image with what it was made of."""

    network: nn.Module

    def __call__(self, x: Array, y: Array, *, train: bool) -> Array:
        return self.network(jnp.concatenate([x, y], axis=-1), train=train)


class _OfImage(nn.Module):
    """A discriminator that sees an image alone."""

    network: nn.Module

    def __call__(self, x: Array, y: Array, *, train: bool) -> Array:
        return self.network(x, train=train)


def paired(
    generator: nn.Module,
    discriminator: nn.Module,
    *,
    distance: ArrayLike = 10.0,
    adversarial: ArrayLike = 1.0,
    game: Game = NON_SATURATING,
) -> Task:
    """To make of each image its pair: adversarial · GAN + distance · mean |G(x) − y|.

    generator: `(x [B, H, W, C], train=...) -> [B, H, W, K]`. discriminator: `(images with the
    channels of y and x, train=...) -> [B]`. distance, adversarial: weights, may be traced; without
    the second it is regression by absolute error.
    Batches are `{"x": [B, H, W, C], "y": [B, H, W, K], "mask": [B] (optional)}`. Reports what `gan`
    does, and `distance`. `predict` takes x.
    """
    players = gan(_FromImage(generator), _OfPair(discriminator), 1, game=game)

    def turned(batch: Batch) -> Batch:
        return {**batch, "x": batch["y"], "y": batch["x"]}

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        return players.init(key, turned(batch))

    def loss(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        value, (after, reported) = players.loss(
            params, model_state, turned(batch), key, train=train
        )
        again = jax.random.fold_in(key, 1)
        made = _made(generator, params, model_state, batch["x"], again, train)
        away, of_examples = _distance(made, batch["y"]), weights(batch)
        minimized = jnp.asarray(adversarial * value + distance * mean(away, of_examples))
        return minimized, (after, {**reported, "distance": metrics.mean(away, of_examples)})

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> Array:
        return _made(generator, params, model_state, batch["x"])

    return Task(init, loss, predict)


def unpaired(
    to_y: nn.Module,
    to_x: nn.Module,
    of_y: nn.Module,
    of_x: nn.Module,
    *,
    cycle: ArrayLike = 10.0,
    game: Game = NON_SATURATING,
) -> Task:
    """To turn images of one kind into another and back, with examples of both but no pairs.

    GAN(G, D_y) + GAN(F, D_x) + cycle · (mean |F(G(x)) − x| + mean |G(F(y)) − y|): four players.
    to_y, to_x: G and F, as the generator of `paired`; of_y, of_x: `(images, train=...) -> [B]`.
    Batches are `{"x": [B, ...], "y": [B, ...], "mask": [B] (optional)}`, whose rows do not belong
    together. Parameters are `{"to_y": ..., "to_x": ...}`, each as `gan` has them. Reports `loss` of
    both games, and `cycle_distance`, the mean of both ways. `predict` takes x and gives `G(x)`.
    """
    games = {
        TO_Y: gan(_FromImage(to_y), _OfImage(of_y), 1, game=game),
        TO_X: gan(_FromImage(to_x), _OfImage(of_x), 1, game=game),
    }

    def of_game(name: str, batch: Batch) -> Batch:
        return {**batch, "x": batch["y"], "y": batch["x"]} if name == TO_Y else batch

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        parts = {
            name: players.init(own, of_game(name, batch))
            for own, (name, players) in zip(jax.random.split(key), games.items(), strict=True)
        }
        params, model_state = ({name: part[n] for name, part in parts.items()} for n in (0, 1))
        return params, model_state

    def loss(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        total, after, sums = jnp.zeros(()), {}, jnp.zeros(())
        of_examples = weights(batch)
        for own, (name, players) in zip(jax.random.split(key), games.items(), strict=True):
            value, (after[name], reported) = players.loss(
                params[name], model_state[name], of_game(name, batch), own, train=train
            )
            total, sums = total + value, sums + reported["loss"][0]

        again = jax.random.fold_in(key, 1)

        def there(images: Array) -> Array:
            return _made(to_y, params[TO_Y], model_state[TO_Y], images, again, train)

        def back(images: Array) -> Array:
            return _made(to_x, params[TO_X], model_state[TO_X], images, again, train)

        x, y = batch["x"], batch["y"]
        away = (_distance(back(there(x)), x) + _distance(there(back(y)), y)) / 2
        found = {
            "loss": (sums, of_examples.sum()),
            "cycle_distance": metrics.mean(away, of_examples),
        }
        minimized = jnp.asarray(total + 2 * cycle * mean(away, of_examples))
        return minimized, (after, found)

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> Array:
        return _made(to_y, params[TO_Y], model_state[TO_Y], batch["x"])

    return Task(init, loss, predict)


def _made(
    generator: nn.Module,
    params: PyTree,
    model_state: PyTree,
    x: Array,
    key: Array | None = None,
    train: bool = False,
) -> Array:
    own = (params[GENERATOR]["network"], model_state[GENERATOR])
    made, _ = linen.apply(generator, *own, x, key=key, train=train)
    return jnp.asarray(made)


def _distance(made: Array, wanted: Array) -> Array:
    """Mean absolute difference of each example."""
    return jnp.abs(made - wanted).reshape(len(made), -1).mean(axis=1)
