"""BERT and its heads: padding, order, shapes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.layers.positions import NoPositions
from jaxdl.models import BERT, BERTClassifier, BERTPretraining, BERTTagger
from jaxdl.models.pretrained import PairClassifier

V, T = 11, 6
IDS = np.random.default_rng(1).integers(0, V, (2, T), np.int32)
MASK = np.array([[1] * 6, [1, 1, 1, 1, 0, 0]])
SEGMENTS = np.array([[0, 0, 0, 1, 1, 1]] * 2)
BIG = jax.nn.initializers.normal(0.5)


def test_nothing_depends_on_padding():
    bert = BERT(V, 8, 1, 2, T, hidden=8, kernel_init=BIG)
    params = jax.jit(bert.init)(jax.random.key(0), IDS)
    compiled = jax.jit(bert.apply)

    def apply(*arguments):
        return np.asarray(compiled(*arguments))

    states = apply(params, IDS, MASK, SEGMENTS)
    other = apply(params, (IDS + 3 * (MASK == 0)) % V, MASK, SEGMENTS)
    np.testing.assert_array_equal(states[1, :4], other[1, :4])
    short = apply(params, IDS[:, :4], None, SEGMENTS[:, :4])
    np.testing.assert_allclose(states[1, :4], short[1], atol=1e-5)
    assert not np.allclose(states[0], apply(params, IDS, MASK, 1 - SEGMENTS)[0], atol=0.1)
    with pytest.raises(ValueError, match="7 tokens is longer than the 6 learned positions"):
        jax.eval_shape(bert.apply, params, jnp.zeros((1, 7), int))


def test_without_positions_a_permutation_goes_through():
    bert = BERT(V, 8, 1, 2, T, hidden=8, kernel_init=BIG, positions=NoPositions())
    params = jax.jit(bert.init)(jax.random.key(0), IDS)
    assert "positions" not in params["params"]
    order = [3, 1, 5, 0, 2, 4]
    apply = jax.jit(bert.apply)
    states, moved = (np.asarray(apply(params, ids)) for ids in (IDS, IDS[:, order]))
    np.testing.assert_allclose(moved, states[:, order], atol=1e-5)


def test_heads_have_their_shapes_and_tokens_are_read_by_the_table():
    body = BERT(V, 8, 1, 2, T, hidden=8, kernel_init=BIG)
    pretraining = BERTPretraining(body)
    params = jax.jit(pretraining.init)(jax.random.key(0), IDS)
    apply = jax.jit(pretraining.apply)
    found = apply(params, IDS, MASK, SEGMENTS)
    assert found["tokens"].shape == (2, T, V)
    assert found["pair"].shape == (2, 2)
    alone = BERTPretraining(body, next_sentence=False)
    assert set(jax.eval_shape(alone.apply, params, IDS)) == {"tokens"}
    # A row of the table that no token of the input has moves its own logits alone.
    table = np.asarray(params["params"]["body"]["words"]["embedding"])
    unseen = next(word for word in range(V) if word not in IDS)
    table = table + np.eye(V, dtype=np.float32)[:, [unseen]]
    moved = {**params["params"]["body"], "words": {"embedding": table}}
    other = apply({"params": params["params"] | {"body": moved}}, IDS, MASK, SEGMENTS)
    changed = (np.asarray(other["tokens"]) != np.asarray(found["tokens"])).any((0, 1))
    np.testing.assert_array_equal(changed, np.arange(V) == unseen)

    classifier, tagger = BERTClassifier(body, 3, dropout=0.5), BERTTagger(body, 4)
    logits, _ = jax.eval_shape(classifier.init_with_output, jax.random.key(0), IDS)
    assert logits.shape == (2, 3)
    logits, variables = jax.eval_shape(tagger.init_with_output, jax.random.key(0), IDS)
    assert logits.shape == (2, T, 4)
    assert "pooler" not in variables["params"]["body"]


def test_a_pair_is_told_apart_by_its_ids():
    # 9 ends a text, 0 is no token.
    ids = jnp.array([[1, 5, 9, 6, 9, 0], [1, 7, 8, 9, 0, 0]])
    mask = jnp.array([[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 0, 0]])
    second = jnp.array([[0, 0, 0, 1, 1, 0], [0, 0, 0, 0, 0, 0]])
    body = BERT(V, 8, 1, 2, T, hidden=8, kernel_init=BIG)
    pair, plain = PairClassifier(body, 3, end=9), BERTClassifier(body, 3)
    params = jax.jit(plain.init)(jax.random.key(0), ids)["params"]
    own = {"body": params["body"], "BERTClassifier_0": {"logits": params["logits"]}}
    known = jax.jit(plain.apply)({"params": params}, ids, mask, second)
    np.testing.assert_allclose(jax.jit(pair.apply)({"params": own}, ids), known, atol=1e-6)
