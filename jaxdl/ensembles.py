"""Bagging (Breiman 1996), SAMME (Zhu et al. 2009), gradient boosting (Friedman 2001), stacking
(Wolpert 1992), and votes.

A member is any pytree; `fit(key, [N, ...]) -> member` trains one, as a pure function of its key and
of what differs between members: the sample weights of bagging and AdaBoost, the targets of gradient
boosting. What members say of B examples are probabilities `[M, B, K]`, which the votes turn into
`[B, K]`; ties go to the first class, and a NaN is no vote.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import betainc
from jax.typing import ArrayLike

from jaxdl import metrics
from jaxdl.types import Array, PyTree

Fit = Callable[[Array, Array], PyTree]
LEAST = 1e-7
"""Probabilities below this are taken for this in logarithms: the resolution of float32."""
HALVINGS = np.float32(0.5) ** np.arange(8, dtype=np.float32)
NEWTON_STEPS = 20


def over_members(function: Callable[..., PyTree], *stacked: PyTree) -> PyTree:
    """`function` of each member, `[M, ...]` in and out, as one program.

    On CPU one after another, for batched small matrix products are slow there; else side by side.
    """
    if jax.default_backend() == "cpu":
        return jax.lax.map(lambda one: function(*one), stacked)
    return jax.vmap(function)(*stacked)


def bootstrap(key: Array, n: int) -> Array:
    """How often each of n examples is drawn in n draws with replacement, float32 `[n]`."""
    drawn = jax.random.randint(key, (n,), 0, n)
    return jnp.zeros(n).at[drawn].add(1)


def bagging(fit: Fit, keys: Array, n: int) -> PyTree:
    """Members `[M, ...]`, each trained on its own bootstrap sample of n examples.

    fit: `(key, sample weights [n]) -> member`
    """

    def member(key: Array) -> PyTree:
        fit_key, sample_key = jax.random.split(key)
        return fit(fit_key, bootstrap(sample_key, n))

    return over_members(member, keys)


def samme(weights: Array, missed: Array, num_classes: int) -> tuple[Array, Array]:
    """One round of SAMME: the member's say α `[]` and the next weights `[N]`, which sum to 1.

    err = Σ wᵢ·missedᵢ / Σ wᵢ, α = log((1 − err) / err) + log(K − 1), wᵢ ← wᵢ·exp(α·missedᵢ).
    err is at least 1 / 2N, so that a faultless member does not silence all others. A member that
    guesses or is worse has no say, and the weights start anew.
    """
    error = jnp.sum(weights * missed) / jnp.sum(weights)
    half = 0.5 / len(weights)
    error = jnp.clip(error, half, 1 - half)
    alpha = jnp.log((1 - error) / error) + jnp.log(num_classes - 1)
    better = jnp.where(alpha > 0, weights * jnp.exp(alpha * missed), 1)
    return jnp.maximum(alpha, 0), better / better.sum()


def adaboost(
    fit: Fit, predict: Callable[[PyTree], Array], keys: Array, labels: Array, num_classes: int
) -> tuple[PyTree, Array]:
    """Members `[M, ...]` and their say α `[M]`: each learns what the ones before it got wrong.

    fit: `(key, sample weights [N], of mean 1) -> member`
    predict: `member -> probabilities [N, K]` of the training examples
    labels: `[N]` integers. The rounds are one scan; combine with `majority_vote(…, α)`.
    """
    n = len(labels)

    def one_round(weights: Array, key: Array) -> tuple[Array, tuple[PyTree, Array]]:
        member = fit(key, n * weights)
        missed = metrics.likeliest(predict(member)) != labels
        alpha, weights = samme(weights, missed, num_classes)
        return weights, (member, alpha)

    return jax.lax.scan(one_round, jnp.full(n, 1 / n), keys)[1]


def gradient_boosting(
    fit: Fit,
    predict: Callable[[PyTree], Array],
    keys: Array,
    y: Array,
    *,
    start: Array,
    rate: ArrayLike,
    loss: Callable[[Array, Array], Array],
) -> PyTree:
    """Members `[M, ...]`: F₀ = start, Fₘ = Fₘ₋₁ + rate·hₘ, hₘ fitted to −∂loss(Fₘ₋₁, y)/∂F.

    fit: `(key, targets [N, K]) -> member`; predict: `member -> [N, K]` of the training examples
    start: `[K]`; rate: the shrinkage; loss: `(F [N, K], y [N, ...]) -> [N, ...]` of each example
    The rounds are one scan; combine with `additive`.
    """

    def one_round(outputs: Array, key: Array) -> tuple[Array, PyTree]:
        gradient = jax.grad(lambda f: loss(f, y).sum())(outputs)
        member = fit(key, -gradient)
        return outputs + rate * predict(member), member

    return jax.lax.scan(one_round, jnp.tile(start, (len(y), 1)), keys)[1]


def additive(outputs: Array, start: Array, rate: ArrayLike) -> Array:
    """start + rate·Σₘ hₘ: outputs `[M, B, K]` and start `[K]` to `[B, K]`."""
    return start[None] + rate * outputs.sum(axis=0)


def majority_vote(probabilities: Array, say: Array | None = None) -> Array:
    """Share of the votes for each class, `[M, B, K]` to `[B, K]`; a vote is a member's argmax.

    say: `[M]`, the weight of each member's vote (AdaBoost's α), one by default.
    """
    members = probabilities.shape[0]
    return _weighted(probabilities, (jnp.ones(members) if say is None else say)[:, None])


def confidence_weighted_vote(probabilities: Array) -> Array:
    """As `majority_vote`, each vote weighing as much as its member's largest probability."""
    return _weighted(probabilities, probabilities.max(axis=-1))


def mean_probability(probabilities: Array) -> Array:
    """The plain average of the members' probabilities, `[M, B, K]` to `[B, K]`."""
    return probabilities.mean(axis=0)


def _weighted(probabilities: Array, weight: Array) -> Array:
    votes = jax.nn.one_hot(metrics.likeliest(probabilities), probabilities.shape[-1])
    weight = jnp.broadcast_to(weight, probabilities.shape[:2])[..., None]
    weight = jnp.where(votes.any(axis=-1, keepdims=True), weight, 0)
    total = weight.sum(axis=0)
    return (weight * votes).sum(axis=0) / jnp.where(total > 0, total, 1)


class Combiner(NamedTuple):
    """p ∝ exp(Σₘ wₘ log pₘ + b): `weights` w `[M]`, `bias` b `[K]` with b₀ = 0."""

    weights: Array
    bias: Array


def fit_combiner(
    probabilities: Array, labels: Array, example_weights: Array, penalty: ArrayLike = 1.0
) -> Combiner:
    """Stacking: the combination that minimizes the cross-entropy in nats plus penalty/2·Σwₘ².

    probabilities `[M, N, K]` of examples that no member was trained on, labels `[N]`,
    example_weights `[N]` (0 is padding). By Newton's method with a line search: convex.
    """
    members = probabilities.shape[0]

    def objective(flat: Array) -> Array:
        logits = combine(_combiner(flat, members), probabilities)
        nats = -jnp.take_along_axis(logits, labels[:, None], axis=-1)[:, 0]
        return jnp.sum(nats * example_weights) + penalty / 2 * jnp.sum(flat[:members] ** 2)

    def newton(flat: Array, _: None) -> tuple[Array, None]:
        curvature = jax.hessian(objective)(flat)
        # A class that does not occur has no finite bias: its curvature goes to 0.
        curvature += LEAST * jnp.eye(len(flat))
        direction = jnp.linalg.solve(curvature, jax.grad(objective)(flat))
        candidates = jnp.concatenate([flat[None], flat[None] - HALVINGS[:, None] * direction[None]])
        return candidates[jnp.argmin(jax.lax.map(objective, candidates))], None

    size = members + probabilities.shape[-1] - 1
    flat, _ = jax.lax.scan(newton, jnp.zeros(size), None, NEWTON_STEPS)
    return _combiner(flat, members)


def combine(combiner: Combiner, probabilities: Array) -> Array:
    """Log-probabilities `[B, K]` of the learned combination of `[M, B, K]`."""
    logs = jnp.log(jnp.maximum(probabilities, LEAST))
    logits = jnp.einsum("m,mbk->bk", combiner.weights, logs) + combiner.bias[None]
    return jax.nn.log_softmax(logits)


def _combiner(flat: Array, members: int) -> Combiner:
    return Combiner(flat[:members], jnp.concatenate([jnp.zeros(1), flat[members:]]))


def majority_error(error: ArrayLike, members: int) -> Array:
    """Error of the majority of an odd number of members that err independently, each with `error`.

    Σ_{k > M/2} C(M, k) eᵏ (1 − e)ᴹ⁻ᵏ (Condorcet 1785), for e of any shape. ValueError for even M.
    """
    if members % 2 == 0:
        raise ValueError(f"a majority needs an odd number of members, not {members}")
    half = (members + 1) / 2
    return betainc(half, half, jnp.asarray(error))
