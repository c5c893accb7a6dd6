import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import tasks, train
from jaxdl.layers import embedding
from jaxdl.layers.embedding import Embedding, FrozenEmbedding, pretrained

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(7, 3)).astype(np.float32)
IDS = np.array([[2, 5, 2], [0, 6, 1]], np.int32)
VECTORS = RNG.normal(size=(2, 4, 3)).astype(np.float32)
MASK = np.array([[1, 1, 0, 1], [0, 0, 0, 0]], np.float32)
COMBINATIONS = {
    "concatenation": embedding.concatenation,
    "total": embedding.total,
    "mean": embedding.mean,
    "weighted_mean": functools.partial(
        embedding.weighted_mean, weights=np.array([1, 2, 2, 1], np.float32)
    ),
    "hybrid": functools.partial(embedding.hybrid, near=(1, 2)),
}


@pytest.mark.parametrize("module", [Embedding, FrozenEmbedding])
def test_a_lookup_is_a_product_with_one_hot_rows(module):
    found, _ = module(7, 3, pretrained(TABLE)).init_with_output(KEY, IDS)
    np.testing.assert_allclose(found, np.eye(7)[IDS] @ TABLE, rtol=1e-6)


def test_a_random_table_has_the_spread_asked_for():
    model = Embedding(400, 50, jax.nn.initializers.normal(0.1))
    table = model.init(KEY, IDS)["params"]["embedding"]
    assert table.shape == (400, 50)
    assert float(table.std()) == pytest.approx(0.1, rel=0.05)


def test_the_gradient_touches_the_rows_that_are_looked_up():
    gradient = jax.grad(lambda table: (embedding.lookup(table, IDS) ** 2).sum())(TABLE)
    counts = np.bincount(IDS.ravel(), minlength=7)[:, None]
    np.testing.assert_allclose(gradient, 2 * counts * TABLE, rtol=1e-6)
    assert not np.asarray(gradient)[[3, 4]].any()


@pytest.mark.parametrize("ids", [7, -1])
def test_an_id_outside_the_table_is_nan(ids):
    assert np.isnan(embedding.lookup(TABLE, jnp.array(ids))).all()


def test_a_table_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"\(7, 3\), not \(7, 4\)"):
        Embedding(7, 4, pretrained(TABLE)).init(KEY, IDS)


class Model(nn.Module):
    """The mean of a window, and a linear layer."""

    table: nn.Module

    @nn.compact
    def __call__(self, x):
        return nn.Dense(1)(embedding.mean(self.table(x), jnp.ones(x.shape)))[:, 0]


@pytest.mark.parametrize(("module", "moves"), [(Embedding, True), (FrozenEmbedding, False)])
def test_training_moves_a_table_unless_it_is_frozen(module, moves):
    task = tasks.regression(Model(module(7, 3, pretrained(TABLE))))
    batch = {"x": IDS, "y": np.array([1.0, -1.0], np.float32)}
    tx = optax.adamw(0.1, weight_decay=0.1)
    before = jax.jit(lambda: train.init(task, tx, KEY, batch))()
    for after, _ in train.fit(task, tx, before, [batch] * 3):
        pass
    weights = [(s.params["Dense_0"]["kernel"], tables(s)["embedding"]) for s in (before, after)]
    (first_kernel, first), (kernel, table) = weights
    assert not np.array_equal(first_kernel, kernel)
    np.testing.assert_array_equal(first, TABLE)
    assert np.array_equal(table, TABLE) != moves


def tables(state):
    return (state.params | state.model_state.get("frozen", {}))["table"]


def test_a_frozen_table_has_no_gradient_even_where_one_is_asked_for():
    model = FrozenEmbedding(7, 3, pretrained(TABLE))
    gradient = jax.grad(lambda variables: model.apply(variables, IDS).sum())
    (leaf,) = jax.tree.leaves(gradient(model.init(KEY, IDS)))
    assert not np.asarray(leaf).any()


def test_hand_numbers():
    vectors = np.array([[[1, 2], [3, 4], [5, 6], [7, 8]]], np.float32)
    mask = np.array([[1, 1, 0, 1]], np.float32)
    combine_all = jax.jit(
        lambda: {name: combine(vectors, mask)[0] for name, combine in COMBINATIONS.items()}
    )
    found = {name: combined.tolist() for name, combined in combine_all().items()}
    assert found == {
        "concatenation": [1, 2, 3, 4, 0, 0, 7, 8],
        "total": [11, 14],
        "mean": pytest.approx([11 / 3, 14 / 3]),
        "weighted_mean": [(1 + 6 + 7) / 4, (2 + 8 + 8) / 4],
        "hybrid": [3, 4, 0, 0, 4, 5],
    }


def test_weights_of_words():
    weights = jnp.array([[1.0, 3.0, 9.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    found = embedding.weighted_mean(VECTORS, MASK, weights)
    np.testing.assert_allclose(found[0], (VECTORS[0, 0] + 3 * VECTORS[0, 1]) / 4, rtol=1e-5)


@pytest.mark.parametrize("name", COMBINATIONS)
def test_padding_reaches_neither_value_nor_gradient(name):
    combine = COMBINATIONS[name]
    spoilt = np.where(MASK[..., None] > 0, VECTORS, np.nan)

    @jax.jit
    @functools.partial(jax.grad, has_aux=True)
    def measured(vectors):
        found = combine(vectors, MASK)
        return (found**2).sum(), found

    gradient, found = jax.device_get(measured(spoilt))
    np.testing.assert_array_equal(found, measured(VECTORS)[1])
    assert not found[1].any()
    assert not gradient[MASK == 0].any()
    assert np.isfinite(gradient).all()
    assert gradient[MASK > 0].all()


def test_order_is_kept_by_concatenation_alone():
    whole = np.ones((2, 4), np.float32)
    for name in ("total", "mean"):
        combine = COMBINATIONS[name]
        turned = combine(VECTORS[:, ::-1], whole)
        np.testing.assert_allclose(turned, combine(VECTORS, whole), atol=1e-6)
    turned = embedding.concatenation(VECTORS[:, ::-1], whole)
    assert not np.allclose(turned, embedding.concatenation(VECTORS, whole))


@pytest.mark.parametrize("near", [(1, 1), (4,), (-1,)])
def test_near_positions_that_are_none_are_refused(near):
    with pytest.raises(ValueError, match="near positions"):
        embedding.hybrid(VECTORS, MASK, near)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="does not fit"):
        embedding.total(VECTORS, MASK[:, :3])
    with pytest.raises(ValueError, match="fit no mask"):
        embedding.weighted_mean(VECTORS, MASK, jnp.ones(3))
