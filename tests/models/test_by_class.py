import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import losses, tasks
from jaxdl.data.text.vocabulary import END, PAD, START
from jaxdl.layers import RNN
from jaxdl.models import ByClass, LanguageModel

PRIOR = (0.5, 0.3, 0.2)
TEXTS = np.array(
    [[START, 4, 5, END, PAD, PAD], [START, END, PAD, PAD, PAD, PAD], [START, 6, 6, 4, 5, END]]
)


@pytest.fixture(scope="module")
def trained():
    model = ByClass(PRIOR, LanguageModel(7, 4, RNN(5)))
    params = jax.jit(model.init)(jax.random.key(0), TEXTS)["params"]
    return model, params, jax.jit(lambda x: model.apply({"params": params}, x))


def test_scores_are_those_of_a_language_model_a_class_and_of_the_prior(trained):
    _, params, score = trained
    alone = LanguageModel(7, 4, RNN(5))
    run = jax.jit(lambda own, x: jax.nn.log_softmax(alone.apply({"params": own}, x)[1]))
    expected = np.zeros((len(TEXTS), len(PRIOR)))
    for k, share in enumerate(PRIOR):
        own = jax.tree.map(lambda leaf, k=k: leaf[k], params["language_model"])
        nats = np.asarray(run(own, TEXTS[:, :-1]))
        for row, text in enumerate(TEXTS):
            words = [word for word in text[1:] if word != PAD]
            expected[row, k] = np.log(share) + sum(
                nats[row, step, word] for step, word in enumerate(words)
            )
    np.testing.assert_allclose(score(TEXTS), expected, rtol=1e-5)


def test_models_begin_with_weights_of_their_own(trained):
    _, params, _ = trained
    for leaf in jax.tree.leaves(params):
        assert leaf.shape[0] == len(PRIOR)
    first, second = (params["language_model"]["logits"]["kernel"][k] for k in (0, 1))
    assert np.abs(first - second).max() > 0.01


def test_padding_says_nothing(trained):
    *_, score = trained
    longer = np.pad(TEXTS[:2], ((0, 1), (0, 0)), constant_values=PAD)
    longer[2] = TEXTS[2]
    np.testing.assert_array_equal(score(longer)[:2], score(TEXTS)[:2])


def test_the_generative_loss_trains_each_model_on_its_own_class_alone(trained):
    model, params, _ = trained
    task = tasks.classification(model, loss=losses.negative_log_likelihood)
    batch = {"x": jnp.asarray(TEXTS), "y": jnp.array([1, 1, 1])}

    @jax.jit
    def gradient(params):
        return jax.grad(lambda p: task.loss(p, {}, batch, jax.random.key(0), train=True)[0])(params)

    for leaf in jax.tree.leaves(gradient(params)["language_model"]):
        others = np.asarray(leaf)[[0, 2]]
        assert not others.any()
        assert np.asarray(leaf)[1].any()
