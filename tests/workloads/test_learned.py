import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, special

from jaxdl import workloads
from jaxdl.models.bag_of_words import NO_WORD
from jaxdl.workloads import _breast_cancer, _characters, _deepobs, _topics


def test_the_known_solution_of_the_convex_problem_is_its_minimum():
    workload = workloads.breast_cancer()
    rows, known = workload.data()["train"], _breast_cancer.solution()
    x, sign = rows["x"].astype(np.float64), 2 * rows["y"][:, 0] - 1

    def objective(theta):
        margin = sign * (x @ theta[:-1] + theta[-1])
        slope = -sign * special.expit(-margin) / len(sign)
        gradient = np.append(slope @ x + 2 * 0.01 * theta[:-1], slope.sum())
        return np.logaddexp(0, -margin).mean() + 0.01 * theta[:-1] @ theta[:-1], gradient

    found = optimize.minimize(objective, np.zeros(31), jac=True, method="BFGS", tol=1e-9)
    np.testing.assert_allclose(known.kernel[:, 0], found.x[:-1], atol=1e-4)
    task = workload.task()

    @jax.jit
    def measure(params):
        key = jax.random.key(0)
        return jax.value_and_grad(task.loss, has_aux=True)(params, {}, rows, key, train=True)

    params = {"Dense_0": jax.tree.map(np.float32, known._asdict())}
    (value, (_, reported)), gradient = measure(params)
    assert float(value) == pytest.approx(found.fun, rel=1e-5)
    assert max(np.abs(leaf).max() for leaf in jax.tree.leaves(gradient)) < 1e-5
    assert float(reported["distance"][0]) == 0
    # The origin is as far away as the solution is long.
    _, (_, reported) = measure(jax.tree.map(np.zeros_like, params))[0]
    assert float(reported["distance"][0]) == pytest.approx(1)


def test_topics_are_sparse_and_no_paragraph_is_in_two_parts():
    found = _topics.paragraphs()
    rows = {
        name: part["x"].reshape(-1, _topics.LENGTH)[
            part.get("mask", np.ones(len(part["x"]))).ravel() > 0
        ]
        for name, part in found.parts.items()
    }
    seen = {name: {row.tobytes() for row in part} for name, part in rows.items()}
    assert not seen["train"] & seen["test"]
    assert set(np.unique(found.parts["train"]["y"])) == set(range(found.topics))
    words = rows["train"][rows["train"] != NO_WORD]
    often = np.bincount(words, minlength=len(found.known))
    assert np.median(often[4:]) <= 2, "most words are rare"
    assert len(rows["train"]) > 400


def test_characters_go_on_from_chunk_to_chunk():
    data, known = _characters._data(), _characters.known()
    x, y, start = (data["train"][name] for name in ("x", "y", "start"))
    batch = _characters.BATCH
    np.testing.assert_array_equal(x[:, 1:], y[:, :-1])
    np.testing.assert_array_equal(x[batch : 2 * batch, 0], y[:batch, -1])
    assert start[:batch].all()
    assert not start[batch:].any()
    text = _characters.texts()["train"]
    assert "".join(known.words[place] for place in x[0]) == text[: _characters.LENGTH]


def test_pooling_is_that_of_tensorflow():
    # SAME with windows of 3 and stride 2 on 4: one zero behind, so windows 0–2 and 2–3.
    x = jnp.arange(16.0).reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(_deepobs._halved(x, 3)[0, :, :, 0], [[10, 11], [14, 15]])
    np.testing.assert_array_equal(_deepobs._halved(x, 2)[0, :, :, 0], [[5, 7], [13, 15]])


def test_images_are_standardized_one_by_one():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (3, 4, 4, 3)).astype(np.float32)
    x[1] = 7  # nothing to see: it becomes zeros, not NaN
    x[2] = 0
    x[2, 1, 1, 1] = 1  # a level in one number of n: its deviation is √(n − 1)/n < 1/√n
    found = np.asarray(_deepobs.standardized(jnp.asarray(x / 255)))
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(found.std(axis=(1, 2, 3)), [1, 0, (47 / 48) ** 0.5], atol=1e-4)


def test_images_of_cifar10_are_augmented_in_training_alone():
    task = workloads.named("cifar10_3c3d").task()
    rng = np.random.default_rng(0)
    batch = {"x": jnp.asarray(rng.uniform(size=(2, 32, 32, 3)), jnp.float32), "y": jnp.arange(2)}
    params, state = jax.jit(task.init)(jax.random.key(0), batch)
    loss = jax.jit(task.loss, static_argnames="train")
    keys = [jax.random.key(seed) for seed in (0, 0, 1)]
    first, again, other = (float(loss(params, state, batch, key, train=True)[0]) for key in keys)
    assert first == again != other
    plain = {float(loss(params, state, batch, key, train=False)[0]) for key in keys}
    assert len(plain) == 1
