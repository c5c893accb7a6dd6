"""The loss by torch's numbers and its limit, the frozen teacher, and hidden outputs that match."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import losses, tasks
from jaxdl.models import MLP
from jaxdl.tasks import Teacher

KEY = jax.random.key(0)
LOGITS = np.array([[1.0, -2.0, 0.5], [0.3, 0.1, -0.4]], np.float32)
TEACHER = np.array([[2.0, 1.0, -1.0], [-3.0, 0.0, 3.0]], np.float32)
LABELS = np.array([0, 2])
BATCH = {
    "x": np.array([[1.0, 2.0], [0.0, 1.0], [-1.0, 0.5], [2.0, 2.0]], np.float32),
    "y": np.array([0, 1, 2, 1]),
}
STUDENT, LARGE = MLP((3,), 3), MLP((5,), 3)


@pytest.fixture(scope="module")
def teacher():
    return Teacher(
        LARGE, jax.jit(lambda: LARGE.init(jax.random.key(1), BATCH["x"], train=False))()["params"]
    )


@pytest.mark.parametrize(
    ("temperature", "expected"), [(1.0, (0.5621252, 1.3769168)), (4.0, (1.1242790, 2.8038225))]
)
def test_the_loss_is_torchs(temperature, expected):
    """KL by `torch.nn.functional.kl_div`, torch 2.13, at α = 0.7."""
    found = losses.distillation(LOGITS, TEACHER, LABELS, temperature, 0.7)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_gradient_hardly_hangs_on_a_high_temperature():
    @jax.jit
    def gradient(temperature):
        return jax.grad(lambda z: losses.distillation(z, TEACHER, LABELS, temperature, 1.0).sum())(
            LOGITS
        )

    def centred(z):
        return z - z.mean(axis=1, keepdims=True)

    limit = centred(LOGITS) - centred(TEACHER)
    np.testing.assert_allclose(gradient(200.0), limit / 3, atol=0.02)
    low, high = (np.linalg.norm(gradient(temperature)) for temperature in (8.0, 64.0))
    assert float(low / high) == pytest.approx(1, abs=0.1)


def test_a_class_that_the_teacher_excludes():
    excluding = TEACHER + np.array([[0, -np.inf, 0], [0, 0, 0]], np.float32)
    value, gradient = jax.jit(
        jax.value_and_grad(lambda z: losses.distillation(z, excluding, LABELS, 2.0, 0.5).sum())
    )(LOGITS)
    assert jnp.isfinite(value)
    assert jnp.isfinite(gradient).all()


def test_without_weight_on_the_teacher_it_is_classification():
    batch = {**BATCH, "teacher": jnp.ones((4, 3))}
    task, plain = tasks.distillation(STUDENT, 2.0, 0.0), tasks.classification(STUDENT)

    @jax.jit
    def both():
        params, _ = plain.init(KEY, batch)
        return [t.loss(params, {}, batch, KEY, train=True)[0] for t in (task, plain)]

    loss, expected = both()
    assert float(loss) == pytest.approx(float(expected), rel=1e-6)


def test_the_teacher_stays_and_padding_counts_for_nothing(teacher):
    task = tasks.taught(tasks.distillation(STUDENT, 2.0, 0.5), teacher)
    params, state = jax.jit(task.init)(KEY, BATCH)
    kept = np.array([1.0, 1.0, 1.0, 0.0], np.float32)
    padded = {**BATCH, "x": np.where(kept[:, None] > 0, BATCH["x"], np.nan), "mask": kept}

    @jax.jit
    def both(params, state):
        def value(params, state, batch):
            return task.loss(params, state, batch, KEY, train=True)

        short = {name: array[:3] for name, array in BATCH.items()}
        said = LARGE.apply({"params": teacher.params}, short["x"], train=False)
        ours = task.predict(params, state, BATCH)[:3]
        return (
            jax.value_and_grad(lambda p, s: value(p, s, short), (0, 1), True)(params, state),
            jax.value_and_grad(lambda p: value(p, state, padded)[0])(params),
            (said, ours, losses.distillation(ours, said, short["y"], 2.0, 0.5)),
        )

    params, state = jax.device_get((params, state))
    found, (of_padded, same), (said, ours, expected) = jax.device_get(both(params, state))
    (loss, (after, reported)), (gradient, of_teacher) = found
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), same, gradient)
    assert float(loss) == pytest.approx(float(of_padded), rel=1e-6)
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), after, state))
    assert not any(leaf.any() for leaf in jax.tree.leaves(of_teacher))
    assert all(leaf.any() for leaf in jax.tree.leaves(gradient))
    assert float(loss) == pytest.approx(float(expected.mean()), rel=1e-6)
    agreeing = (ours.argmax(1) == said.argmax(1)).sum()
    assert reported["agreement"] == (agreeing, 3)


def test_hidden_outputs_are_matched_through_a_projection(teacher):
    plain = tasks.distillation(STUDENT, 2.0, 0.5)
    matching = tasks.distillation(
        STUDENT, 2.0, 0.5, matched={"Dense_0": "Dense_0"}, distance_weight=0.1
    )
    task = tasks.taught(matching, teacher, ["Dense_0"])
    params, state = jax.jit(task.init)(KEY, BATCH)
    params, of_teacher = jax.device_get((params, teacher.params["Dense_0"]))
    kernel, bias = (params["projections"]["Dense_0"][name] for name in ("kernel", "bias"))
    assert kernel.shape == (3, 5)

    @jax.jit
    def run(params):
        said = LARGE.apply({"params": teacher.params}, BATCH["x"], train=False)
        batch = {**BATCH, "teacher": said}
        return (
            jax.value_and_grad(lambda p: task.loss(p, state, BATCH, KEY, train=True)[0])(params),
            plain.loss(params, {}, batch, KEY, train=True)[0],
            (task.predict(params, state, BATCH), plain.predict(params, {}, BATCH)),
        )

    (loss, gradient), alone, predicted = jax.device_get(run(params))
    first = params["Dense_0"]
    ours = (BATCH["x"] @ first["kernel"] + first["bias"][None]) @ kernel + bias[None]
    theirs = BATCH["x"] @ of_teacher["kernel"] + of_teacher["bias"][None]
    distance = np.square(ours - theirs).mean()
    assert float(loss - alone) == pytest.approx(0.1 * float(distance), rel=1e-4)
    assert gradient["projections"]["Dense_0"]["kernel"].any()
    np.testing.assert_array_equal(*predicted)


def test_paths_that_are_not_there(teacher):
    task = tasks.taught(tasks.distillation(STUDENT, 2.0, 0.5), teacher, ["Dense_7"])
    with pytest.raises(ValueError, match="the module at 'Dense_7' is called 0 times; once"):
        task.init(KEY, BATCH)

    class Twice(nn.Module):
        @nn.compact
        def __call__(self, x, *, train):
            layer = nn.Dense(2)
            return layer(layer(x))

    batch = {**BATCH, "teacher": jnp.zeros((4, 3)), "teacher_hidden": {"a": jnp.ones((4, 2))}}
    with pytest.raises(ValueError, match="'Dense_0' is called 2 times"):
        tasks.distillation(Twice(), 2.0, 0.5, matched={"Dense_0": "a"}).init(KEY, batch)
