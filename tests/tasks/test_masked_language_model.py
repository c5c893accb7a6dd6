"""Which words and pairs count, and how much, with a model of tables and with a BERT."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import tasks, train
from jaxdl.data.text import masking
from jaxdl.models import BERT, BERTPretraining
from jaxdl.tasks import noise

KEY = jax.random.key(0)


class Tables(nn.Module):
    """Logits by the word alone, and of pairs by the first word; no pairs where not `pairs`."""

    pairs: bool = True

    @nn.compact
    def __call__(self, ids, mask=None, segments=None, *, train=False):
        x = jax.nn.one_hot(ids, 6)
        found = {"tokens": nn.Dense(6, name="tokens")(x.reshape(-1, 6)).reshape(*ids.shape, 6)}
        if self.pairs:
            found["pair"] = nn.Dense(2, name="pair")(x[:, 0])
        return found


BATCH = {
    "x": np.array([[2, 4, 5], [2, 3, 4], [2, 5, 0]]),
    "x_mask": np.array([[1, 1, 1], [1, 1, 1], [1, 1, 0]], np.float32),
    "segments": np.array([[0, 0, 1], [0, 1, 1], [0, 1, 0]]),
    "y": np.array([[2, 3, 5], [2, 3, 5], [2, 4, -100]]),
    "y_mask": np.array([[0, 1, 0], [0, 1, 1], [0, 1, 0]], np.float32),
    "pair": np.array([0, 1, 1]),
}


@pytest.fixture(scope="module")
def params():
    return jax.jit(lambda: Tables().init(KEY, BATCH["x"])["params"])()


@pytest.fixture(scope="module")
def learn():
    """Loss, metrics and gradient of a batch."""

    @jax.jit
    def run(params, batch, pair_weight=1.0):
        task = tasks.masked_language_model(Tables(), pair_weight)
        return jax.value_and_grad(lambda p: task.loss(p, {}, batch, KEY, train=True), has_aux=True)(
            params
        )

    return run


def nats(logits, y):
    logits = np.asarray(logits, np.float64)
    return np.log(np.exp(logits).sum()) - logits[y]


def test_three_weights(params, learn):
    (loss, (_, reported)), gradient = jax.device_get(learn(params, BATCH))
    apply = jax.jit(lambda: Tables().apply({"params": params}, BATCH["x"]))
    outputs = jax.device_get(apply())
    places = [(0, 1), (1, 1), (1, 2), (2, 1)]
    words = sum(nats(outputs["tokens"][at], BATCH["y"][at]) for at in places)
    pairs = sum(nats(outputs["pair"][b], BATCH["pair"][b]) for b in range(3))
    assert {name: float(pair[1]) for name, pair in reported.items()} == {
        "token_loss": 4, "accuracy": 4, "pair_loss": 3, "pair_accuracy": 3, "loss": 3,
    }  # fmt: skip
    np.testing.assert_allclose(reported["token_loss"][0], words, rtol=1e-5)
    np.testing.assert_allclose(reported["pair_loss"][0], pairs, rtol=1e-5)
    np.testing.assert_allclose(loss, words / 4 + pairs / 3, rtol=1e-5)
    np.testing.assert_allclose(reported["loss"][0] / 3, loss, rtol=1e-6)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    (lighter, _), _ = learn(params, BATCH, 0.25)
    np.testing.assert_allclose(lighter, words / 4 + 0.25 * pairs / 3, rtol=1e-5)


def test_padded_rows_count_for_nothing(params, learn):
    kept = learn(params, {**BATCH, "mask": np.array([1, 1, 0], np.float32)})
    alone = learn(params, {name: array[:2] for name, array in BATCH.items()})
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7), kept, alone)


def test_without_pairs_the_loss_is_that_of_the_words(params):
    task = tasks.masked_language_model(Tables(pairs=False))
    evaluate = jax.jit(functools.partial(task.loss, train=False))
    loss, (_, reported) = evaluate({"tokens": params["tokens"]}, {}, BATCH, KEY)
    assert set(reported) == {"loss", "token_loss", "accuracy"}
    assert reported["loss"] == reported["token_loss"]
    assert float(loss) == pytest.approx(float(reported["loss"][0]) / 4, rel=1e-6)
    batch = {name: array for name, array in BATCH.items() if name != "pair"}
    loss = functools.partial(tasks.masked_language_model(Tables()).loss, train=False)
    with pytest.raises(ValueError, match="logits of pairs, and the batch no `pair`"):
        jax.eval_shape(loss, params, {}, batch, KEY)


def test_micro_batches_of_unlike_weights_are_one_batch(params):
    task, tx = tasks.masked_language_model(Tables()), optax.sgd(0.1)
    four = jax.tree.map(lambda array: np.concatenate([array, array[:1]]), BATCH)
    micro = jax.tree.map(lambda array: array.reshape(2, 2, *array.shape[1:]), four)
    state = jax.jit(lambda: train.init(task, tx, KEY, four))()
    whole, split = jax.jit(
        lambda s: (
            train.step(task, tx, s, four)[0].params,
            train.accumulated_step(task, tx, s, micro)[0].params,
        )
    )(state)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), whole, split)


def test_words_are_masked_anew_in_each_step():
    """All words are one, which the model learns to say of a mask, and of it alone."""
    symbols = masking.Symbols(0, 1, 2, 3, 4, 6)
    batch = {"x": jnp.full((8, 6), 5)}
    task = noise.in_training(
        tasks.masked_language_model(Tables(pairs=False)),
        lambda batch, key: masking.masked(batch, key, symbols, 0.3, (1.0, 0.0, 0.0)),
    )
    tx = optax.sgd(1.0)

    @jax.jit
    def run():
        state = train.init(task, tx, KEY, batch)
        return jax.lax.scan(lambda s, _: train.step(task, tx, s, batch), state, length=60)

    state, metrics = jax.device_get(run())
    total, weight = metrics["token_loss"]
    assert len(set(weight.tolist())) > 3
    assert total[-1] / weight[-1] < 0.05 < total[0] / weight[0]
    kernel = state.params["tokens"]["kernel"]
    assert kernel[4, 5] > 2 + kernel[5, 5]


def test_a_bert_has_what_the_task_asks_for():
    task = tasks.masked_language_model(BERTPretraining(BERT(9, 16, 1, 2, 6)))

    def loss():
        params, state = task.init(KEY, BATCH)
        return task.loss(params, state, BATCH, KEY, train=True)

    value, (_, reported) = jax.eval_shape(loss)
    assert value.shape == ()
    assert set(reported) == {"loss", "token_loss", "accuracy", "pair_loss", "pair_accuracy"}
