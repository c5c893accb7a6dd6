"""A language model and the classifier that it becomes: dropout, pooling, what is carried over."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import optimizers
from jaxdl.layers import RNN, Stack
from jaxdl.models import (
    AWDLSTM,
    Drops,
    LanguageModel,
    ULMFiT,
    ULMFiTClassifier,
    concat_pooling,
    max_state,
)
from jaxdl.params import by_path, paths, transplant
from jaxdl.tasks import classification, language_model

KEY = jax.random.key(0)
ENCODER = AWDLSTM(7, 3, 4)
CLASSIFIER = ULMFiTClassifier(ENCODER, 2, width=5)
IDS = np.array([[3, 5, 2, 6, 4], [6, 1, 5, 0, 0], [2, 2, 0, 0, 0]])
BATCH = {"x": IDS, "y": np.array([0, 1, 1])}


@pytest.fixture(scope="module")
def trees():
    """Parameters of both models, and the classifier's state."""

    @jax.jit
    def made():
        language = ULMFiT(ENCODER).init(KEY, IDS)["params"]
        own, state = classification(CLASSIFIER).init(jax.random.key(1), BATCH)
        return language, own, state

    return jax.device_get(made())


def test_the_language_model_is_three_lstms_under_the_table_that_embeds(trees):
    language, _, _ = trees
    stack = Stack([RNN(4), RNN(4), RNN(3)])
    encoder = language["encoder"]
    table = encoder["embedding"]
    alone = LanguageModel(7, 3, stack)
    params = {
        "embedding": {"embedding": table},
        "body": encoder["body"],
        "logits": {"kernel": table.T, "bias": language["bias"] + 0.5},
    }
    biased = language | {"bias": language["bias"] + 0.5}

    @jax.jit
    def both():
        carry, logits = ULMFiT(ENCODER).apply({"params": biased}, IDS[:, :-1])
        step = ULMFiT(ENCODER).apply({"params": biased}, carry, IDS[:, -1], method="step")[1]
        ours = jnp.concatenate([logits, step[:, None]], axis=1)
        return ours, alone.apply({"params": params}, IDS)[1]

    np.testing.assert_allclose(*both(), rtol=1e-5, atol=1e-6)


def test_each_rate_drops_in_training_alone(trees):
    language, _, _ = trees

    @jax.jit
    def apply(drops, key):
        model = ULMFiT(AWDLSTM(7, 3, 4, drops=drops))
        variables = {"params": language}
        trained = model.apply(variables, IDS, train=True, rngs={"dropout": key})[1]
        return trained, model.apply(variables, IDS)[1]

    none, plain = apply(Drops(0.0, 0.0, 0.0, 0.0, 0.0), KEY)
    np.testing.assert_allclose(none, plain, rtol=1e-5, atol=1e-6)
    for kind in range(len(Drops._fields)):
        drops = Drops(*(0.5 * (place == kind) for place in range(len(Drops._fields))))
        (one, same), (other, _) = apply(drops, KEY), apply(drops, jax.random.key(1))
        np.testing.assert_array_equal(same, plain)
        assert np.abs(one - plain).max() > 1e-3
        assert np.abs(other - one).max() > 1e-3


def test_pooling_by_hand_with_padding_and_without_words():
    states = np.array([[[1, -2], [3, -4], [0, 0]], [[0, 0]] * 3], np.float32)
    mask = np.array([[1, 1, 0], [0, 0, 0]], np.float32)
    carry = (np.array([[3, -4], [0, 0]], np.float32),) * 2

    @jax.jit
    def both(states):
        gradient = jax.grad(lambda states: max_state(carry, states, mask).sum())(states)
        return concat_pooling(carry, states, mask), gradient

    found, gradient = jax.device_get(both(states))
    np.testing.assert_allclose(found, [[3, -4, 3, -2, 2, -3], [0] * 6])
    np.testing.assert_allclose(gradient[0], [[0, 1], [1, 0], [0, 0]])
    assert not gradient[1].any()


def test_nothing_of_a_class_depends_on_padding(trees):
    _, own, state = trees
    apply = jax.jit(lambda ids: CLASSIFIER.apply({"params": own, **state}, ids, train=False))
    alone = apply(IDS[1:2, :3])
    np.testing.assert_allclose(apply(IDS)[1:2], alone, rtol=1e-5, atol=1e-6)


def test_the_encoder_goes_from_stage_to_stage(trees):
    language, own, state = trees
    tuned = transplant(own, language, "^encoder/")
    assert paths(tuned) == paths(own)
    np.testing.assert_array_equal(tuned["encoder"]["embedding"], language["encoder"]["embedding"])

    @jax.jit
    def both(params, encoder):
        carries, outputs = ENCODER.apply({"params": encoder}, IDS, mask=IDS != 0)
        seen = []

        def watched(carry, *others):
            seen.append(concat_pooling(carry, *others))
            return seen[0]

        model = ULMFiTClassifier(ENCODER, 2, width=5, summary=watched)
        model.apply({"params": params, **state}, IDS, train=False)
        mask = (IDS != 0).astype(jnp.float32)
        return seen[0], concat_pooling(carries[-1], outputs, mask)

    np.testing.assert_allclose(*both(tuned, language["encoder"]), rtol=1e-5, atol=1e-6)


def test_groups_are_all_parameters_from_the_head_down(trees):
    _, own, _ = trees
    groups = CLASSIFIER.groups
    assert groups[0] == "head"
    assert groups[-1] == "encoder/embedding"
    chosen = [jax.tree.leaves(by_path(own, group)) for group in groups]
    assert (np.sum(chosen, axis=0) == 1).all()
    assert len(groups) == 5


def test_fine_tuning_as_the_paper_does_it_is_one_program(trees):
    """Rates by layer, STLR and gradual unfreezing by traced numbers: who moves, and how far."""
    _, own, state = trees
    task, groups = classification(CLASSIFIER), CLASSIFIER.groups

    @jax.jit
    def walk(every, decay):
        tx = optax.chain(
            optimizers.unfreeze_gradually(optax.identity(), groups, every),
            optimizers.scale_by_path(optimizers.by_depth(groups, decay)),
        )

        def step(opt_state, key):
            gradient = jax.grad(lambda params: task.loss(params, state, BATCH, key, train=True)[0])(
                own
            )
            updates, opt_state = tx.update(gradient, opt_state, own)
            sizes = [
                optax.tree.norm(jax.tree.map(lambda leaf, of: leaf * of, updates, by_path(own, g)))
                for g in groups
            ]
            return opt_state, jnp.stack(sizes)

        return jax.lax.scan(step, tx.init(own), jnp.stack([KEY] * 6))[1]

    plain, tuned = jax.device_get((walk(0.0, 1.0), walk(1.0, 0.5)))
    assert (plain > 0).all()
    expected = np.tril(np.ones((6, 5))) * plain * 0.5 ** np.arange(5)
    np.testing.assert_allclose(tuned, expected, rtol=1e-4)


def test_it_fits_the_task_of_language_models():
    task = language_model(ULMFiT(ENCODER), carried=True)
    batch = {"x": IDS, "y": IDS, "start": np.ones(3)}
    shapes = jax.eval_shape(lambda: task.init(KEY, batch))
    assert jax.tree.structure(shapes[1]["carry"]).num_leaves == 6
