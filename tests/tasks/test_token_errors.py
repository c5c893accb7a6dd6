"""Error rates against edits counted by hand, of a model that repeats what it reads."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data.text.vocabulary import END
from jaxdl.tasks import sequence_to_sequence
from jaxdl.tasks.token_errors import greedy, with_token_errors

V = 8
BATCH = {
    "x": np.array([[4, 5, 6, 7], [4, 5, 0, 0], [6, 0, 0, 0], [7, 7, 7, 0]], np.int32),
    "y": np.array([[2, 4, 6, 7, 3], [2, 4, 5, 7, 3], [2, 6, 3, 0, 0], [2, 4, 3, 0, 0]], np.int32),
    "mask": np.array([1, 1, 1, 0], np.float32),
}


class Echo(nn.Module):
    """Says the ids of x, then the end."""

    def __call__(self, x, x_mask, y, *, train):
        return jnp.zeros((*y.shape, V)), None

    def begin(self, x, x_mask):
        return jnp.pad(jnp.where(x_mask > 0, x, END), [(0, 0), (0, 4)], constant_values=END)

    def step(self, carry, tokens):
        return jnp.roll(carry, -1, axis=1), jax.nn.one_hot(carry[:, 0], V)


def test_the_model_is_asked_until_its_end():
    found = greedy(Echo(), {}, BATCH["x"], 5)
    expected = [[4, 5, 6, 7, 3], [4, 5, 3, 3, 3], [6, 3, 3, 3, 3], [7, 7, 7, 3, 3]]
    np.testing.assert_array_equal(found, expected)


def test_edits_are_counted_over_the_right_tokens_by_length_in_evaluation_only():
    groups = {"errors": range(1, 5), "short": range(1, 3), "long": range(3, 5)}
    task = with_token_errors(sequence_to_sequence(Echo()), Echo(), 5, groups)

    @jax.jit
    def both(batch):
        key = jax.random.key(0)
        return [task.loss({}, {}, batch, key, train=train)[1][1] for train in (False, True)]

    after, training = both(BATCH)
    assert set(training) == {"loss", "accuracy", "exact"}
    # 4 5 6 7 for 4 6 7: one deleted; 4 5 for 4 5 7: one inserted; 6 for 6; the last is padding.
    expected = {"errors": (2, 7), "short": (1, 4), "long": (1, 3)}
    for name, pair in expected.items():
        np.testing.assert_allclose(after[name], pair, rtol=1e-6)
