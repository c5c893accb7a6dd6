import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.word_vectors import training, windows, word2vec
from jaxdl.word_vectors.training import word_vectors

V, D, STEPS, EPOCHS = 5, 3, 2, 2


def test_two_segments_are_two_epochs_at_a_falling_rate():
    method = word2vec.skip_gram(word2vec.negative_sampling(np.full(V, 1 / V), shared=4))
    plan = word2vec.Plan(window=1, length=2, blocks=2)
    corpus = windows.corpus([np.array([0, 3, 1, 2, 4, 1, 0, 2])], V)
    data = {"train": corpus._asdict(), "keep": np.ones(V, np.float32)}
    run = word_vectors(
        method, plan, lambda state, data: {"test_step": state.step},
        size=V, dimensions=D, steps=STEPS, epochs=EPOCHS,
    )  # fmt: skip
    hparams = {"learning_rate": jnp.float32(0.4)}
    state = jax.jit(run.init)(hparams, jax.random.key(0), data)
    params, key = state.params, state.key
    epoch, advance = jax.jit(word2vec.epoch, static_argnums=(0, 1)), jax.jit(run.advance)
    for rates in ([0.4, 0.3], [0.2, 0.1]):
        own = jax.random.fold_in(key, state.step)
        params = epoch(method, plan, params, corpus, data["keep"], own, jnp.array(rates))
        state, curves = advance(hparams, state, data)
        for name, table in params.items():
            np.testing.assert_allclose(state.params[name], table, rtol=1e-5, atol=1e-6)
        assert curves["largest"].shape == (1,)
        largest = np.abs(np.asarray(state.params["input"])).max()
        assert np.asarray(curves["largest"])[0] == largest
    assert int(run.evaluate(hparams, state, data)["test_step"]) == EPOCHS * STEPS


def test_words_in_the_same_company_get_near_vectors():
    rng = np.random.default_rng(0)
    # The words 0 … 5 stand among themselves, and so do 6 … 11.
    company = [rng.integers(6, size=12) + 6 * (number % 2) for number in range(200)]
    table = training.skip_gram_vectors(company, 12, 8, epochs=3)
    assert table.shape == (12, 8)
    centred = table - table.mean(axis=0)
    products = centred @ centred.T
    assert (products[:6, :6].mean(), products[6:, 6:].mean()) > (0, 0)
    assert products[:6, 6:].mean() < 0
