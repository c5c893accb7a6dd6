"""Batch norm's statistics of averaged weights, against the same in float64 by hand."""

import functools

import flax.linen as nn
import jax
import numpy as np
import optax
import pytest

from jaxdl import sweep, tasks, train
from jaxdl.data import batches
from jaxdl.layers.norms import BatchNorm
from jaxdl.models import MLP, ResNet
from jaxdl.optimizers import average_params, mean_of_weights, sgd

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X = (3 + RNG.normal(size=(24, 4))).astype(np.float32)
Y = RNG.integers(0, 3, 24).astype(np.int32)
MASK = np.array([1] * 16 + [0.5] * 4 + [2] * 4, np.float32)
TX = optax.chain(sgd(0.1), mean_of_weights())


class Normed(nn.Module):
    """Ours and Flax's, of other momenta."""

    @nn.compact
    def __call__(self, x, *, train):
        h = BatchNorm(momentum=0.7)(nn.Dense(5, name="a")(x), train=train)
        h = nn.BatchNorm(use_running_average=not train)(nn.Dense(4, name="b")(nn.relu(h)))
        return nn.Dense(3)(h)


TASK = tasks.classification(Normed())


def cut(size, mask=MASK):
    return [
        {"x": X[at : at + size], "y": Y[at : at + size], "mask": mask[at : at + size]}
        for at in range(0, len(X), size)
    ]


initial = jax.jit(train.init, static_argnums=(0, 1))


@functools.cache
def trained():
    state = initial(TASK, TX, KEY, cut(8)[0])
    for state, _ in train.fit(TASK, TX, state, cut(8) * 3):
        pass
    return state


def by_hand(params, parts):
    """Means over the batches, weighed by their examples, of each one's moments; in float64."""
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    moments = []
    for part in parts:
        h = part["x"].astype(np.float64) @ p["a"]["kernel"] + p["a"]["bias"]
        first = h.mean(axis=0), h.var(axis=0)
        h = (h - first[0]) / np.sqrt(first[1] + 1e-5)
        h = np.maximum(h * p["BatchNorm_0"]["scale"] + p["BatchNorm_0"]["bias"], 0)
        h = h @ p["b"]["kernel"] + p["b"]["bias"]
        moments.append([*first, h.mean(axis=0), h.var(axis=0)])
    weights = [part["mask"].sum() for part in parts]
    return [
        np.average(np.stack(each), axis=0, weights=weights) for each in zip(*moments, strict=True)
    ]


def found(state):
    stats = state.model_state["batch_stats"]
    return [np.asarray(stats[f"BatchNorm_{i}"][name]) for i in range(2) for name in ("mean", "var")]


def test_statistics_are_those_of_the_averaged_weights():
    state, parts = trained(), cut(8)
    ready = train.reestimate(TASK, state, parts, average_params)
    jax.tree.map(
        np.testing.assert_array_equal, ready.params, average_params(state.opt_state, state.params)
    )
    for ours, expected in zip(found(ready), by_hand(ready.params, parts), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)
    # Those of training are of other weights.
    assert max(np.abs(a - b).max() for a, b in zip(found(state), found(ready), strict=True)) > 0.05


def test_an_evaluation_of_other_parameters_warns_beside_statistics_of_others():
    state = trained()
    with pytest.warns(UserWarning, match=r"train.reestimate, or make_run\(reestimate=...\)"):
        train.evaluate(TASK, state, cut(8), average_params)
    plain = tasks.classification(MLP((), 3))
    state = initial(plain, TX, KEY, cut(8)[0])
    train.evaluate(plain, state, cut(8), average_params)


def test_a_sweep_evaluates_with_statistics_estimated_anew():
    data = {"train": {"x": X, "y": Y, "mask": MASK}}
    data["validation"] = batches.padded_batches(data["train"], 8)
    options = {"steps": 6, "batch_size": 8, "order": batches.ordered_indices}
    build = lambda hparams: (TASK, TX)  # noqa: E731
    run = sweep.make_run(build, **options, eval_params=average_params, reestimate=3)
    state, _ = jax.jit(run.advance)({}, jax.jit(run.init)({}, KEY, data), data)
    ours = jax.jit(run.evaluate)({}, state, data)
    ready = train.reestimate(TASK, state, cut(8), average_params)
    expected = train.evaluate(TASK, ready, cut(8))
    assert float(ours["validation_loss"]) == pytest.approx(expected["loss"], rel=1e-5)
    warned = sweep.make_run(build, **options, eval_params=average_params)
    with pytest.warns(UserWarning, match="running statistics of other parameters"):
        other = jax.jit(warned.evaluate)({}, state, data)
    assert abs(float(other["validation_loss"]) - expected["loss"]) > 1e-3


def test_modules_in_a_loop_are_estimated_as_well():
    task = tasks.classification(ResNet((2, 2), 3, 3))
    batch = {"x": RNG.normal(size=(4, 8, 8, 1)).astype(np.float32), "y": np.zeros(4, np.int32)}
    state = initial(task, sgd(0.1), KEY, batch)
    ready = train.reestimate(task, state, [batch])
    for before, after in zip(
        *map(jax.tree.leaves, jax.device_get((state.model_state, ready.model_state))), strict=True
    ):
        assert np.abs(before - after).min() > 1e-6


@pytest.mark.parametrize(("parts", "line"), [([], "is empty"), (cut(8), "keeps no running stat")])
def test_what_cannot_be_estimated_is_refused(parts, line):
    task = tasks.classification(MLP((), 3))
    with pytest.raises(ValueError, match=line):
        train.reestimate(task, initial(task, TX, KEY, cut(8)[0]), parts)


def test_nothing_but_padding_adds_nothing():
    state = trained()
    parts = [*cut(8), *cut(24, 0 * MASK)]
    expected = train.reestimate(TASK, state, cut(8))
    for ours, wanted in zip(
        found(train.reestimate(TASK, state, parts)), found(expected), strict=True
    ):
        np.testing.assert_allclose(ours, wanted, rtol=1e-6)
