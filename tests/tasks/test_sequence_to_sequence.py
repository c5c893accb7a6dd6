"""The task against sums written out, with a model whose logits are a table."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.tasks import sequence_to_sequence

V = 6
BATCH = {
    "x": np.array([[4, 5, 0], [4, 0, 0], [5, 5, 5]], np.int32),
    "y": np.array([[2, 4, 5, 3], [2, 5, 3, 0], [2, 4, 4, 3]], np.int32),
    "mask": np.array([1, 1, 0], np.float32),
}


class Table(nn.Module):
    """Logits of a token by the one before; the attention looks at what is real."""

    @nn.compact
    def __call__(self, x, x_mask, y, *, train):
        table = self.param("table", nn.initializers.normal(1.0), (V, V))
        return table[y], jnp.broadcast_to(x_mask[:, None], (*y.shape, x.shape[1]))


def looked(attention, batch, weights):
    return {"real": ((attention.sum(axis=2) * weights[:, None]).sum(), weights.sum())}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    found = rng.normal(size=(V, V))
    # 2 → 5 → 3 are likeliest, so the second row is right as a whole and the first is not.
    found[2, 5], found[5, 3] = 5, 5
    return found.astype(np.float32)


def test_only_real_tokens_of_real_sequences_count(table):
    task = sequence_to_sequence(Table(), looks=looked)

    def objective(table, batch):
        return task.loss({"table": table}, {}, batch, None, train=False)

    both = jax.jit(jax.value_and_grad(objective, has_aux=True))
    (loss, (_, metrics)), gradient = both(table, BATCH)
    log_p = table - np.log(np.exp(table).sum(axis=1, keepdims=True))
    pairs = [(2, 4), (4, 5), (5, 3), (2, 5), (5, 3)]
    assert loss == pytest.approx(-np.mean([log_p[pair] for pair in pairs]), rel=1e-5)
    assert metrics["loss"][1] == 5
    right = sum(table[before].argmax() == after for before, after in pairs)
    assert [float(value) for value in metrics["accuracy"]] == [right, 5]
    assert [float(value) for value in metrics["exact"]] == [1, 2]
    # 3 tokens each look at 2 and at 1 letter.
    assert [float(value) for value in metrics["real"]] == [9, 2]
    other = BATCH | {"x": np.array([[4, 5, 0], [4, 0, 0], [0, 0, 0]], np.int32)}
    other["y"] = BATCH["y"].copy()
    other["y"][2] = 1
    (again, _), gradient_again = both(table, other)
    assert again == loss
    np.testing.assert_array_equal(gradient, gradient_again)


def test_initial_parameters_and_predictions_are_those_of_the_model(table):
    task = sequence_to_sequence(Table())
    params, model_state = jax.eval_shape(task.init, jax.random.key(0), BATCH)
    assert params["table"].shape == (V, V)
    assert model_state == {}
    logits, attention = jax.jit(task.predict)({"table": table}, {}, BATCH)
    np.testing.assert_array_equal(logits, table[BATCH["y"][:, :-1]])
    assert attention.shape == (3, 3, 3)


def test_a_target_without_a_token_is_no_sequence(table):
    task = sequence_to_sequence(Table())
    batch = {"x": BATCH["x"], "y": BATCH["y"].copy()}
    batch["y"][1:, 1:] = 0
    evaluate = jax.jit(lambda table: task.loss({"table": table}, {}, batch, None, train=False))
    metrics = evaluate(table)[1][1]
    assert float(metrics["exact"][1]) == 1
