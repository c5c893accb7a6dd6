import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import train
from jaxdl.layers import embedding
from jaxdl.tasks import corrupted, window_ranking

KEY = jax.random.key(0)
V = 6


class Scores(nn.Module):
    """Concatenated vectors of a window to one score."""

    @nn.compact
    def __call__(self, x):
        vectors = embedding.Embedding(V, 4, name="table")(x)
        joined = embedding.concatenation(vectors, jnp.ones(x.shape))
        return nn.Dense(1)(nn.tanh(nn.Dense(8)(joined)))


@pytest.fixture(scope="module")
def batch():
    return {"x": np.random.default_rng(0).integers(V, size=(5, 3)).astype(np.int32)}


def test_only_the_middle_is_another_word_and_all_others_are_as_likely():
    windows = np.tile([1, 2, 3, 4, 5], (10_000, 1))
    found = np.asarray(jax.jit(lambda x: corrupted(KEY, x, V))(windows))
    np.testing.assert_array_equal(np.delete(found, 2, 1), np.delete(windows, 2, 1))
    shares = np.bincount(found[:, 2], minlength=V) / 10_000
    assert shares[3] == 0
    np.testing.assert_allclose(np.delete(shares, 3), 0.2, atol=5 * np.sqrt(0.16 / 10_000))


def test_the_loss_is_the_formula(batch):
    task, margin = window_ranking(Scores(), V, margin=0.7), 0.7

    @jax.jit
    def run():
        params, _ = task.init(KEY, batch)
        other = corrupted(jax.random.split(KEY)[0], batch["x"], V)
        scores = [task.predict(params, {}, {"x": x}) for x in (batch["x"], other)]
        return task.loss(params, {}, batch, KEY, train=True), scores

    (loss, (_, reported)), (scores, worse) = jax.device_get(run())
    values = np.maximum(0, margin - scores + worse)
    assert (values > 0).any()
    assert float(loss) == pytest.approx(values.mean(), rel=1e-5)
    assert [float(part) for part in reported["accuracy"]] == [(scores > worse).sum(), 5]


def test_padding_changes_neither_loss_nor_gradient(batch):
    """The words drawn depend on the number of windows: those of the short batch are padded too."""
    task = window_ranking(Scores(), V)
    params, _ = jax.jit(task.init)(KEY, batch)
    mask = np.array([1, 1, 1, 0, 0], np.float32)

    @jax.jit
    def value_and_gradients(x):
        return jax.value_and_grad(
            lambda p: task.loss(p, {}, {"x": x, "mask": mask}, KEY, train=True)[0]
        )(params)

    def gradients(last):
        return value_and_gradients(
            np.concatenate([batch["x"][:3], np.full((2, 3), last, np.int32)])
        )

    (one, first), (two, second) = gradients(0), gradients(5)
    assert float(one) == pytest.approx(float(two)) != 0
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_true_windows_are_told_from_corrupted_ones():
    """The middle word is the sum of its neighbours modulo V: no word by itself is telling."""
    sides = np.random.default_rng(1).integers(V, size=(256, 2))
    x = np.stack([sides[:, 0], sides.sum(axis=1) % V, sides[:, 1]], axis=1).astype(np.int32)
    task, tx = window_ranking(Scores(), V), optax.adam(0.02)
    state = jax.jit(lambda: train.init(task, tx, KEY, {"x": x}))()
    before = train.evaluate(task, state, [{"x": x}])["accuracy"]
    for state, _ in train.fit(task, tx, state, [{"x": x}] * 300):
        pass
    assert before < 0.7
    assert train.evaluate(task, state, [{"x": x}])["accuracy"] > 0.95


def test_what_has_no_middle_or_no_other_word_is_refused():
    with pytest.raises(ValueError, match="middle"):
        corrupted(KEY, jnp.zeros((2, 4), jnp.int32), V)
    with pytest.raises(ValueError, match="no other word"):
        window_ranking(Scores(), 1)
