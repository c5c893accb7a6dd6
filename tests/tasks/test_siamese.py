import jax
import numpy as np
import pytest

from jaxdl.models import MLP, Siamese
from jaxdl.tasks import siamese

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(5, 3, 4)).astype(np.float32)
LABELS = np.array([[0, 0, 1], [1, 1, 0], [2, 2, 0], [0, 0, 2], [1, 1, 2]], np.int32)
PAIRS = {"x": X[:, :2], "y": np.array([[0, 0], [1, 0], [2, 2], [0, 2], [1, 1]], np.int32)}
TRIPLETS = {"x": X, "y": LABELS}
MODEL = Siamese(MLP((6,), 2))


@pytest.fixture(scope="module")
def params():
    return jax.jit(siamese.contrastive(MODEL).init)(KEY, PAIRS)[0]


def measured(task, params, batch):
    measure = jax.jit(lambda params, batch: task.loss(params, {}, batch, KEY, train=False)[1][1])
    metrics = measure(params, batch)
    return {name: float(total / weight) for name, (total, weight) in metrics.items()}


def embeddings(params, x):
    apply = jax.jit(lambda params: MODEL.apply({"params": params}, x, train=False))
    return np.asarray(apply(params), np.float64)


def test_contrastive_is_the_formula(params):
    margin = 3.0
    first, second = embeddings(params, PAIRS["x"]).swapaxes(0, 1)
    distance = np.linalg.norm(first - second, axis=1)
    same = PAIRS["y"][:, 0] == PAIRS["y"][:, 1]
    values = np.where(same, distance**2 / 2, np.maximum(0, margin - distance) ** 2 / 2)
    found = measured(siamese.contrastive(MODEL, margin), params, PAIRS)
    assert found["loss"] == pytest.approx(values.mean(), rel=1e-5)
    assert found["accuracy"] == pytest.approx(np.mean((distance < margin / 2) == same))


def test_contrastive_is_symmetric(params):
    turned = {name: array[:, ::-1] for name, array in PAIRS.items()}
    task = siamese.contrastive(MODEL)
    assert measured(task, params, turned) == pytest.approx(measured(task, params, PAIRS))


def test_triplet_is_the_formula(params):
    margin = 0.5
    anchor, positive, negative = embeddings(params, X).swapaxes(0, 1)
    near, far = ((anchor - positive) ** 2).sum(1), ((anchor - negative) ** 2).sum(1)
    found = measured(siamese.triplet(MODEL, margin), params, TRIPLETS)
    assert found["loss"] == pytest.approx(np.maximum(0, near - far + margin).mean(), rel=1e-5)
    assert found["accuracy"] == pytest.approx(np.mean(near < far))


@pytest.mark.parametrize(
    ("make", "batch"), [(siamese.contrastive, PAIRS), (siamese.triplet, TRIPLETS)]
)
def test_padding_changes_neither_metrics_nor_gradients(make, batch, params):
    task = make(MODEL)
    padded = {name: np.concatenate([array, array[:1] * 0 + 9]) for name, array in batch.items()}
    padded["mask"] = np.array([1] * 5 + [0], np.float32)
    assert measured(task, params, padded) == pytest.approx(measured(task, params, batch))

    @jax.jit
    def gradients(batch):
        return jax.grad(lambda p: task.loss(p, {}, batch, KEY, train=True)[0])(params)

    for ours, theirs in zip(*(jax.tree.leaves(gradients(b)) for b in (padded, batch)), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_group_of_another_size_is_refused(params):
    with pytest.raises(ValueError, match=r"\[B, 3, D\]"):
        measured(siamese.triplet(MODEL), params, PAIRS)


def test_pairs_and_triplets_are_of_the_classes_they_promise():
    labels = np.random.default_rng(1).integers(4, size=40)
    rows = siamese.triplets(np.random.default_rng(2), labels, 200)
    anchor, positive, negative = labels[rows].T
    assert (anchor == positive).all()
    assert (anchor != negative).all()
    assert (rows[:, 0] != rows[:, 1]).all()
    assert len(np.unique(rows[:, 0])) > 35  # every example has its turn
    rows = siamese.pairs(np.random.default_rng(2), labels, 200)
    same = labels[rows[:, 0]] == labels[rows[:, 1]]
    assert same.tolist() == [True] * 100 + [False] * 100


@pytest.mark.parametrize("labels", [[0, 0, 1], [0, 0, 0]])
def test_classes_without_partners_are_refused(labels):
    with pytest.raises(ValueError, match="two classes"):
        siamese.pairs(np.random.default_rng(0), np.array(labels), 4)


def test_equal_embeddings_have_a_finite_gradient(params):
    batch = {"x": np.zeros((2, 2, 4), np.float32), "y": np.array([[0, 0], [0, 1]])}
    task = siamese.contrastive(MODEL)
    gradient = jax.grad(lambda params: task.loss(params, {}, batch, KEY, train=True)[0])
    gradients = jax.jit(gradient)(params)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))


def test_a_nan_is_neither_near_nor_rightly_apart(params):
    broken = jax.tree.map(lambda leaf: np.asarray(leaf) * np.float32(np.nan), params)
    for task, batch in ((siamese.contrastive(MODEL), PAIRS), (siamese.triplet(MODEL), TRIPLETS)):
        assert measured(task, broken, batch)["accuracy"] == 0


def test_pairs_of_triplets_are_one_alike_and_one_not(params):
    triplets = {"x": np.stack([PAIRS["x"][:, 0], PAIRS["x"][:, 1], PAIRS["x"][::-1, 0]], axis=1)}
    triplets["y"] = np.tile(np.array([0, 0, 1], np.int32), (len(PAIRS["x"]), 1))
    pairs = {
        name: np.concatenate([array[:, [0, 1]], array[:, [0, 2]]])
        for name, array in triplets.items()
    }
    found = measured(siamese.contrastive_of_triplets(MODEL), params, triplets)
    expected = measured(siamese.contrastive(MODEL), params, pairs)
    jax.tree.map(np.testing.assert_allclose, found, expected)
    mask = np.array([1, 0] * len(PAIRS["x"]), np.float32)[: len(PAIRS["x"])]
    some = {name: array[mask > 0] for name, array in triplets.items()}
    masked = measured(siamese.contrastive_of_triplets(MODEL), params, {**triplets, "mask": mask})
    of_some = measured(siamese.contrastive_of_triplets(MODEL), params, some)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), masked, of_some)


def test_triplets_of_forms_have_the_same_thing_in_the_other_form_and_another():
    forms = np.arange(20).reshape(10, 2, 1) + np.array([0, 100])[None, :, None]
    forms[4, 1] = forms[3, 1]  # they share a form: neither is the other's other
    found = siamese.triplets_of_forms(np.random.default_rng(0), forms, 1)
    x, y = found["x"][..., 0], found["y"]
    assert x.shape == y.shape == (20, 3)
    np.testing.assert_array_equal(y[:, 0], y[:, 1])
    assert (y[:, 2] != y[:, 0]).all()
    assert not ({(3, 4), (4, 3)} & set(map(tuple, y[:, 1:].tolist())))
    for row, (anchor, same, other) in enumerate(x):
        assert {anchor, same} == set(forms[y[row, 0], :, 0])
        assert other in forms[y[row, 2]]
        assert (other < 100) == (same < 100)
