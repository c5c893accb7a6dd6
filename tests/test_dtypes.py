"""Every loss and metric in every dtype, against NumPy and SciPy in float64.

The reference sees the inputs as the narrow dtype rounded them: what comes out must be right to
float32, whatever the dtype, and to float64 in that one. A public function that is missing here
fails `test_every_public_function_is_here`.
"""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import sklearn.metrics
from scipy.spatial.distance import cdist

from jaxdl import losses, metrics, numerics, similarity
from jaxdl.metrics import retrieval

RNG = np.random.default_rng(0)
N, C = 600, 5  # more than bfloat16 can count
DTYPES = ("float64", "float32", "bfloat16", "float16", "int8")
KEPT = {"soft_threshold", "unit"}  # parameters, and what a layer passes on, keep their dtype

SCORES = RNG.normal(size=(N, C)) * 4
SCORES[:3] = [[9, 2, 2, 2, 2], [20, 0, 1, 2, 0], [-100, 100, 0, 0, 0]]
LABELS = RNG.integers(0, C, N)
LABELS[:3] = [0, 0, 1]
SIGNS = np.where(LABELS % 2, 1.0, -1.0)
SHARES = RNG.dirichlet(np.ones(C), N)
POINTS = RNG.normal(size=(3, N, 4)) * 3
# Apart from the kinks: half a unit of the integers.
MARGIN = 2.7
WEIGHT = np.where(RNG.random(N) < 0.1, 0.0, 1.0)
LEVELS = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
COUNTS = RNG.integers(0, 120, (C, C)).astype(float)
COUNTS[3], COUNTS[:, 3], COUNTS[4] = 0, 0, 0
MASK = {"kernel": True, "bias": False}


class Typed:
    """An argument that takes the dtype of the test; all others stay as they are."""

    def __init__(self, array):
        self.array = array


def rest(scores, labels):
    """log Σ_{i≠t} exp(z_i − z_t)."""
    own = np.take_along_axis(scores, labels[:, None], 1)
    others = np.where(np.arange(scores.shape[1]) == labels[:, None], -np.inf, scores)
    return scipy.special.logsumexp(others - own, axis=1)


def softplus(x):
    return -scipy.special.log_expit(-x)


def divergence(v, z):
    """KL(softmax(v) ‖ softmax(z))."""
    ours, theirs = (scipy.special.log_softmax(logits, axis=1) for logits in (z, v))
    return (np.exp(theirs) * (theirs - ours)).sum(1)


def huber(delta):
    return lambda a, b: scipy.special.huber(delta, a - b)


def pinball(quantiles, targets):
    error = targets[:, None] - quantiles
    return np.maximum(LEVELS * error, (LEVELS - 1) * error)


def tree(w):
    return {"kernel": w, "bias": w}


def distances(a, b):
    return np.linalg.norm(a - b, axis=-1)


def contrastive(a, b, same):
    near = distances(a, b)
    return (same * near**2 + (1 - same) * np.clip(MARGIN - near, 0, None) ** 2) / 2


def hits(k, scores, labels, weight):
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return ((order == labels[:, None]).any(axis=1) * weight).sum(), weight.sum()


def cosines(a, b):
    unit = [v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-300) for v in (a, b)]
    return unit[0], unit[1]


def moments(predictions, targets, weight):
    e, y = targets - predictions, targets - 1
    return np.array([(v * weight).sum() for v in (y, y**2, e, e**2)]), weight.sum()


def f1(counts):
    return 2 * np.diag(counts) / np.maximum(counts.sum(0) + counts.sum(1), 1e-300)


def ranks(scores):
    own = np.diag(scores)[:, None]
    return 1 + (scores > own).sum(1) + ((scores == own).sum(1) - 1) / 2


SCORED, LABELLED, SIGNED = Typed(SCORES), LABELS, Typed(SIGNS)
FIRST, SECOND, THIRD = map(Typed, POINTS)
WEIGHED = Typed(WEIGHT)
VECTORS = Typed(POINTS[0, :40])
SUMS = Typed(np.array([3.0, 40.0, 2.0, 5.0]))

# name -> (function, arguments, reference of the same arguments)
LOSSES = {
    "zero_one": (losses.zero_one, (SCORED, LABELLED),
                 lambda z, t: (z.argmax(1) != t) * 1.0),
    "hinge": (losses.hinge, (Typed(SCORES[:, 0] + 0.3), SIGNED),
              lambda z, y: np.clip(1 - y * z, 0, None)),
    "perceptron": (losses.perceptron, (Typed(SCORES[:, 0]), SIGNED),
                   lambda z, y: np.clip(-y * z, 0, None)),
    "multiclass_hinge": (losses.multiclass_hinge, (SCORED, LABELLED),
                         lambda z, t: np.clip(1 + np.where(
                             np.arange(C) == t[:, None], -np.inf, z).max(1)
                             - z[np.arange(N), t], 0, None)),
    "binary_cross_entropy": (losses.binary_cross_entropy,
                             (Typed(SCORES[:, 0]), Typed((SIGNS > 0) * 1.0)),
                             lambda z, y: y * softplus(-z) + (1 - y) * softplus(z)),
    "softmax_cross_entropy": (losses.softmax_cross_entropy, (SCORED, LABELLED),
                              lambda z, t: softplus(rest(z, t))),
    "negative_log_likelihood": (losses.negative_log_likelihood, (SCORED, LABELLED),
                                lambda z, t: -z[np.arange(N), t]),
    "soft_cross_entropy": (losses.soft_cross_entropy, (SCORED, Typed(SHARES)),
                           lambda z, p: -(p * scipy.special.log_softmax(z, axis=1)).sum(1)),
    "distillation": (lambda z, v, t: losses.distillation(z, v, t, 2.0, 0.3),
                     (SCORED, Typed(SCORES[::-1] / 2), LABELLED),
                     lambda z, v, t: 1.2 * divergence(v / 2, z / 2) + 0.7 * softplus(rest(z, t))),
    "smooth_labels": (lambda t, a: losses.smooth_labels(t, C, a), (LABELLED, Typed(0.1)),
                      lambda t, a: (1 - a) * np.eye(C)[t] + a / C),
    "squared_error": (losses.squared_error, (FIRST, SECOND), lambda a, b: (a - b) ** 2),
    "one_hot_squared_error": (losses.one_hot_squared_error, (SCORED, LABELLED),
                              lambda z, t: ((z - np.eye(C)[t]) ** 2).sum(1)),
    "absolute_error": (losses.absolute_error, (FIRST, SECOND), lambda a, b: np.abs(a - b)),
    "pinball": (lambda q, y: losses.pinball(q, y, LEVELS), (SCORED, Typed(SCORES[::-1, 0])),
                pinball),
    "huber": (lambda a, b: losses.huber(a, b, MARGIN), (FIRST, SECOND), huber(MARGIN)),
    "negative_sampling": (losses.negative_sampling, (Typed(SCORES[:, 0]), Typed(SCORES[:, 1:])),
                          lambda p, n: softplus(-p) + softplus(n).sum(1)),
    "l1": (lambda w: losses.l1(tree(w), MASK), (FIRST,), lambda w: np.abs(w).sum()),
    "l2": (lambda w: losses.l2(tree(w), MASK), (FIRST,), lambda w: (w**2).sum()),
    "elastic_net": (lambda w: losses.elastic_net(tree(w), 0.5, 0.25, MASK), (FIRST,),
                    lambda w: 0.5 * np.abs(w).sum() + 0.25 * (w**2).sum()),
    "soft_threshold": (lambda w: losses.soft_threshold(tree(w), MARGIN, MASK)["kernel"], (FIRST,),
                       lambda w: np.sign(w) * np.clip(np.abs(w) - MARGIN, 0, None)),
}  # fmt: skip
RANKING = {
    "margin_ranking": (lambda a, b: losses.margin_ranking(a, b, MARGIN), (FIRST, SECOND),
                       lambda a, b: np.clip(MARGIN - (a - b), 0, None)),
    "pairwise_logistic": (losses.pairwise_logistic, (FIRST, SECOND),
                          lambda a, b: softplus(b - a)),
    "triplet": (lambda a, p, n: losses.triplet(a, p, n, MARGIN), (FIRST, SECOND, THIRD),
                lambda a, p, n: np.clip(
                    distances(a, p) ** 2 - distances(a, n) ** 2 + MARGIN, 0, None)),
    "contrastive": (lambda a, b, s: losses.contrastive(a, b, s, MARGIN),
                    (FIRST, SECOND, Typed((SIGNS > 0) * 1.0)), contrastive),
}  # fmt: skip
METRICS = {
    "mean": (metrics.mean, (Typed(SCORES[:, 0]), WEIGHED),
             lambda v, w: ((v * w).sum(), w.sum())),
    "likeliest": (metrics.likeliest, (SCORED,), lambda z: z.argmax(1)),
    "accuracy": (metrics.accuracy, (SCORED, LABELLED, WEIGHED), functools.partial(hits, 1)),
    "top_k_accuracy": (functools.partial(metrics.top_k_accuracy, k=3),
                       (SCORED, LABELLED, WEIGHED), functools.partial(hits, 3)),
    "confusion": (lambda p, t, w: metrics.confusion(p, t, w, C),
                  (SCORES.argmax(1), LABELLED, WEIGHED),
                  lambda p, t, w: (sklearn.metrics.confusion_matrix(t, p, sample_weight=w),
                                   w.sum())),
    "precision": (metrics.precision, (Typed(COUNTS),),
                  lambda c: np.diag(c) / np.maximum(c.sum(0), 1e-300)),
    "recall": (metrics.recall, (Typed(COUNTS),),
               lambda c: np.diag(c) / np.maximum(c.sum(1), 1e-300)),
    "f1": (metrics.f1, (Typed(COUNTS),), f1),
    "there": (metrics.there, (Typed(COUNTS),), lambda c: c.sum(1) > 0),
    "seen": (metrics.seen, (Typed(COUNTS),), lambda c: (c.sum(0) > 0) | (c.sum(1) > 0)),
    "macro": (lambda c: metrics.macro(metrics.f1(c), metrics.there(c)), (Typed(COUNTS),),
              lambda c: f1(c)[c.sum(1) > 0].mean()),
    "perplexity": (metrics.perplexity, (Typed(100.0), Typed(40.0)), lambda n, t: np.exp(n / t)),
    "coverage": (metrics.coverage, (Typed(SCORES[:, 0]), Typed(SCORES[:, 1]),
                                    Typed(SCORES[:, 2]), WEIGHED),
                 lambda a, b, y, w: (((a <= y) & (y <= b)) @ w, w.sum())),
    "moments": (functools.partial(metrics.moments, centre=1.0),
                (Typed(SCORES[:, 0]), Typed(SCORES[:, 1]), WEIGHED), moments),
    "r2": (metrics.r2, (SUMS, Typed(4.0)), lambda s, w: 1 - s[3] / (s[1] - s[0] ** 2 / w)),
    "rmse": (metrics.rmse, (SUMS, Typed(4.0)), lambda s, w: np.sqrt(s[3] / w)),
    "explained_variance": (metrics.explained_variance, (SUMS, Typed(4.0)), lambda s, w:
                           1 - (s[3] - s[2] ** 2 / w) / (s[1] - s[0] ** 2 / w)),
}  # fmt: skip
SIMILARITY = {
    "unit": (similarity.unit, (FIRST,), lambda v: cosines(v, v)[0]),
    "cosine": (similarity.cosine, (FIRST, SECOND), lambda a, b: np.multiply(
        *cosines(a, b)).sum(1)),
    "nearest": (lambda m, q: similarity.nearest(m, q, 3)[0], (VECTORS, Typed(POINTS[1, :7])),
                lambda m, q: -np.sort(-np.matmul(cosines(q, m)[0], cosines(q, m)[1].T))[:, :3]),
    "to_group": (lambda m: similarity.to_group(m, np.array([2, 9])), (VECTORS,),
                 lambda m: (cosines(m, m)[0] @ cosines(m, m)[0][[2, 9]].T).mean(1)),
    "analogy": (lambda m: similarity.analogy(m, *np.array([[1], [2], [3]]))[0], (VECTORS,),
                lambda m: np.delete(1 - cdist(
                    [(u := cosines(m, m)[0])[2] - u[1] + u[3]], m, "cosine")[0],
                    [1, 2, 3]).max()[None, None]),
}  # fmt: skip
RETRIEVAL = {
    "ranks": (retrieval.ranks, (Typed(SCORES[:C] + 100),), ranks),
    "measures": (lambda r: tuple(retrieval.measures(r, (3,)).values()),
                 (Typed(np.arange(1.0, 101)),), lambda r: ((r <= 3).mean(), (1 / r).mean())),
}  # fmt: skip
NUMERICS = {
    "norm": (numerics.norm, (FIRST,), lambda v: np.linalg.norm(v, axis=-1)),
}
TAKE_IDS = {"edit_distance", "same_group"}
TABLES = {
    losses: LOSSES | RANKING,
    metrics: METRICS,
    similarity: SIMILARITY,
    retrieval: RETRIEVAL,
}
ALL = {name: case for table in (*TABLES.values(), NUMERICS) for name, case in table.items()}
SLOPED = {**LOSSES, **RANKING, "cosine": SIMILARITY["cosine"], **NUMERICS}


@pytest.mark.parametrize("module", TABLES, ids=lambda module: module.__name__)
def test_every_public_function_is_here(module):
    public = {
        name
        for name, value in vars(module).items()
        if inspect.isroutine(value)
        and not name.startswith("_")
        and value.__module__.partition("._")[0] == module.__name__
    }
    assert public - TAKE_IDS == set(TABLES[module])


def typed(arguments, dtype):
    def cast(array):
        whole = np.round(array) if dtype.startswith("int") else array
        return jnp.asarray(whole).astype(dtype)

    return [cast(a.array) if isinstance(a, Typed) else jnp.asarray(a) for a in arguments]


def sixty_four(array):
    """What JAX holds, in NumPy and float64."""
    array = np.asarray(array.astype(jnp.float32)) if array.dtype.itemsize == 2 else array
    return np.asarray(array) if jnp.issubdtype(array.dtype, jnp.integer) else np.float64(array)


@pytest.fixture(scope="module", params=DTYPES)
def found(request):
    """Values of all functions, and gradients by the first argument, compiled as one."""
    dtype = request.param
    floats = not dtype.startswith("int")

    @jax.jit
    def everything(arguments):
        values = {name: ALL[name][0](*arguments[name]) for name in ALL}
        gradients = {}
        for name in SLOPED if floats else ():
            first, *others = arguments[name]
            if jnp.issubdtype(first.dtype, jnp.floating):
                total = lambda x, f=ALL[name][0], o=others: f(x, *o).sum()  # noqa: E731
                gradients[name] = jax.grad(total)(first)
        return values, gradients

    with jax.enable_x64(dtype == "float64"):
        arguments = {name: typed(case[1], dtype) for name, case in ALL.items()}
        values, gradients = jax.device_get(everything(arguments))
        # The integers of a narrow dtype would wrap in NumPy.
        seen = {
            name: [sixty_four(a) if isinstance(b, np.ndarray) else np.float64(sixty_four(a))
                   for a, b in zip(arguments[name], ALL[name][1], strict=True)]
            for name in ALL
        }  # fmt: skip
    return dtype, seen, values, gradients


@pytest.mark.parametrize("name", ALL)
def test_values_are_those_of_float64(name, found):
    dtype, seen, values, _ = found
    expected = ALL[name][2](*seen[name])
    expected = expected if isinstance(expected, tuple) else (expected,)
    ours = values[name] if isinstance(values[name], tuple) else (values[name],)
    kept = name in KEPT and not dtype.startswith("int")
    wide = dtype if dtype == "float64" or kept else "float32"
    if name == "soft_threshold" and dtype.startswith("int"):
        wide = dtype
    eps = float(jnp.finfo(wide).eps) if not wide.startswith("int") else 0.5
    for value, right in zip(ours, expected, strict=True):
        if np.asarray(right).dtype.kind == "f" and name != "ranks":
            assert value.dtype == wide, name
        # Differences of what is larger than they are are right to the size of that.
        size = max(1, np.abs(right).max())
        np.testing.assert_allclose(
            np.float64(value), np.float64(right), rtol=20 * eps, atol=4 * eps * size
        )


@pytest.mark.parametrize("name", SLOPED)
def test_gradients_are_those_of_float64_in_the_dtype_of_the_input(name, found):
    dtype, seen, _, gradients = found
    if name not in gradients:
        assert dtype.startswith("int") or name == "smooth_labels"
        return
    if name == "zero_one":
        assert not np.asarray(gradients[name]).any()
        return
    assert gradients[name].dtype == dtype
    first, *others = seen[name]
    step = 1e-6 * np.random.default_rng(1).normal(size=first.shape)
    up, down = (ALL[name][2](first + sign * step, *others) for sign in (1, -1))
    change = np.asarray((up - down) / 2)
    # Of each example by itself, where there are such.
    axes = tuple(range(min(change.ndim, 1), first.ndim))
    parts = np.float64(gradients[name]) * step
    change = change.sum(axis=tuple(range(1, change.ndim)))
    allowed = (2 * float(jnp.finfo(dtype).eps) + 1e-6) * np.abs(parts).sum(axis=axes) + 1e-12
    assert (np.abs(parts.sum(axis=axes) - change) <= allowed).all()
