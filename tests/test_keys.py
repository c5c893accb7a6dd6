"""No draw meets another\'s: a generator that notes what each key is used for."""

import functools
from collections import Counter

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.extend import random as extended

from experiments import ensembles as experiment
from jaxdl import ensembles, keys, sweep, tasks
from jaxdl.data import augmentation, batches
from jaxdl.layers.dropout import Dropout
from jaxdl.layers.norms import BatchNorm
from jaxdl.models import MLP, DenseAutoencoder, Discriminator, Generator
from jaxdl.optimizers import average_params, mean_of_weights, sgd
from jaxdl.tasks import attacked, noise, reconstruction
from jaxdl.train import fit_scan

USES: list[tuple[str, tuple[int, ...]]] = []
THREEFRY = extended.threefry_prng_impl
STEPS, BATCH, SHAPE = 3, 4, (6, 6, 1)
NOISE = functools.partial(augmentation.noise, deviation=0.1)


def noted(use):
    def used(key, *rest):
        jax.debug.callback(lambda words: USES.append((use, tuple(map(int, words)))), key)
        return getattr(THREEFRY, use)(key, *rest)

    return used


NOTED = extended.define_prng_impl(
    key_shape=THREEFRY.key_shape,
    seed=THREEFRY.seed,
    split=noted("split"),
    fold_in=noted("fold_in"),
    random_bits=noted("random_bits"),
    name="noted",
    tag="noted",
)
KEY = jax.random.key(3, impl=NOTED)


def used(function, *arguments):
    """What the function gives, and the keys of each use, as often as they were used."""
    USES.clear()
    out = jax.block_until_ready(jax.jit(function)(*arguments))
    jax.effects_barrier()
    found = {use: Counter() for use in ("split", "fold_in", "random_bits")}
    for use, key in USES:
        found[use][key] += 1
    return out, found


def exclusive(*calls):
    """No key is drawn from, split or folded into, but by one of these, over all calls."""
    together = {use: set().union(*(call[use] for call in calls)) for use in calls[0]}
    for a, b in (("split", "fold_in"), ("split", "random_bits"), ("fold_in", "random_bits")):
        assert not together[a] & together[b], (a, b)


class Normed(nn.Module):
    @nn.compact
    def __call__(self, x, *, train):
        h = BatchNorm()(nn.Dense(4)(x.reshape(len(x), -1)), train=train)
        return nn.Dense(3)(Dropout(0.5)(h, train=train))


def changed(batch, key):
    first, second = jax.random.split(key)
    batch = augmentation.augment(batch, first, [NOISE] * 2)
    return noise.flip_labels(batch, second, 3, 0.5)


def corrupted(key, x):
    return x + jax.random.normal(key, x.shape)


def problem(name):
    dropped = tasks.classification(MLP((5,), 3, dropout=0.5))
    if name == "changed batches and weights, attacked, accumulated":
        attack = functools.partial(tasks.pgd, eps=0.1, steps=2)
        task = attacked(noise.weight_noise(dropped, 0.1), attack)
        return noise.in_training(task, changed), sgd(0.1), {"accumulate": 2}
    if name == "corrupted in evaluation too":
        return reconstruction(DenseAutoencoder(SHAPE, (4,), 2), corrupt=corrupted), sgd(0.1), {}
    if name == "two players":
        players = Generator((4,), SHAPE), Discriminator((4,))
        task = tasks.gan(*players, 2, penalty=tasks.gradient_penalty())
        return task, tasks.two_player(sgd(0.1), sgd(0.1)), {}
    tx = optax.chain(sgd(0.1), mean_of_weights())
    options = {"eval_params": average_params, "reestimate": 2}
    return tasks.classification(Normed()), tx, options


NAMES = (
    "changed batches and weights, attacked, accumulated",
    "corrupted in evaluation too",
    "two players",
    "averaged, estimated anew",
)


@pytest.mark.parametrize("name", NAMES)
def test_no_draw_of_a_run_meets_another(name):
    task, tx, options = problem(name)
    rng = np.random.default_rng(0)
    arrays = {"x": rng.uniform(size=(12, 6, 6, 1)), "y": rng.integers(0, 3, 12)}
    arrays = {"x": arrays["x"].astype(np.float32), "y": arrays["y"].astype(np.int32)}
    data = {"train": arrays, "validation": batches.padded_batches(arrays, 8)}
    data["test"] = data["validation"]
    run = sweep.make_run(lambda hparams: (task, tx), steps=STEPS, batch_size=BATCH, **options)
    state, start = used(run.init, {}, KEY, data)
    (first, _), one = used(run.advance, {}, state, data)
    (second, _), two = used(run.advance, {}, first, data)
    _, after_one = used(run.evaluate, {}, first, data)
    _, after_two = used(run.evaluate, {}, second, data)

    batches_taken = 2 * STEPS * options.get("accumulate", 1) + 3
    take = lambda key: batches.shuffled_indices(key, 12, BATCH, 0, batches_taken)  # noqa: E731
    order = set(used(lambda key: take(batches.order_key(key)), state.key)[1]["random_bits"])
    draws = [call["random_bits"] for call in (start, one, two, after_one)]
    for call in draws:
        assert max(call.values(), default=0) <= 1
    begun, early, late, evaluated = map(set, draws)
    assert order & early
    assert not begun & (early | late | evaluated)
    # An epoch whose order two segments need is drawn in both; estimates go by the order as well.
    assert not (early & late) - order
    assert not (evaluated & (early | late)) - (order if "reestimate" in options else set())
    # Evaluations are compared with each other: they draw the same.
    assert after_one["random_bits"] == after_two["random_bits"]
    exclusive(start, one, two, after_one)


def test_the_members_of_an_ensemble_draw_apart():
    rows = {"x": np.ones((6, 2), np.float32), "y": np.zeros(6, np.int32)}
    task = tasks.classification(MLP((3,), 2, dropout=0.5))

    def fit(key, weights):
        part = {**rows, "mask": weights}
        return fit_scan(task, sgd(0.1), key, part, steps=2, batch_size=3).params

    _, found = used(lambda key: ensembles.bagging(fit, jax.random.split(key, 3), 6), KEY)
    assert max(found["random_bits"].values()) == 1
    exclusive(found)


def test_the_experiment_with_ensembles_uses_a_key_once():
    config = experiment.Config(members=3, steps=2, examples=12, hidden=(4,))
    rng = np.random.default_rng(0)
    table = {"x": rng.normal(size=(40, 4)).astype(np.float32), "y": np.arange(40) % 3}
    run, hparams = experiment.run(config, "iris"), {"learning_rate": 0.1}
    state, _ = used(run.init, hparams, KEY, {"iris": table})
    _, found = used(run.advance, hparams, state, {"iris": table})
    exclusive(found)


def test_named_keys_are_none_of_the_steps_and_none_of_the_order():
    key = jax.random.key(0)

    @jax.jit
    def words(key):
        others = [keys.named(key, "a"), keys.named(key, "b"), batches.order_key(key)]
        steps = [jax.random.fold_in(key, jnp.int32(step)) for step in (0, 1, 2, 2**31 - 1)]
        return [jax.random.key_data(one) for one in others + steps]

    assert len({tuple(pair.tolist()) for pair in words(key)}) == 7
