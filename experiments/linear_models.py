"""Linear, logistic and softmax regression and the perceptron, as one-layer networks.

On scikit-learn's real tables, columns standardized, by Nesterov's method on full batches: the three
regressions against scikit-learn's coefficients, the perceptron on what is linearly separable.

    python -m experiments.linear_models --workdir=runs/linear_models  # 0.2 minutes on 2 cores
"""

from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from sklearn import datasets, linear_model
from sklearn.preprocessing import StandardScaler

from jaxdl import launch, losses, report, stats, sweep, tasks
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import nesterov
from jaxdl.params import kernels
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree

ERROR_FREE = 1e-9
CLAIMS = CLOSE, SEPARATES = (
    Claim("F10", "gradient descent reaches scikit-learn's coefficients",
          "largest difference, of the largest coefficient (geometric mean over seeds)", below=1e-3),
    Claim("F10",
          "the perceptron separates setosa from the other irises without an error in most seeds",
          "share of seeds that end without an error", above=0.5, unit="%"),
)  # fmt: skip


class Config(launch.Config):
    """How long and how fast the models are trained, and how strongly they are regularized."""

    steps: int = setting(3000, "Training steps of each trial, each on the whole data set.", low=1)
    seeds: int = setting(10, "Seeds; each starts from other coefficients.", low=1)
    learning_rate: float = setting(0.1, "Learning rate of Nesterov's method.", low=1e-12)
    penalty: float = setting(0.01, "λ of λ·Σw², without biases; not in linear regression.", low=0)


class Case(NamedTuple):
    """A data set, the task on it, and scikit-learn's coefficients `[D, K]` (none: perceptron)."""

    x: np.ndarray
    y: np.ndarray
    outputs: int
    loss: Callable[[Array, Array], Array]
    penalty: float
    coefficients: np.ndarray | None


def plan(config: Config) -> sweep.Plan:
    """One program per model, with its data inside: they differ in shape, and are small."""

    def run(case: Case) -> sweep.Run:
        model = MLP((), case.outputs, kernel_init=nn.initializers.normal(0.1))

        def penalty(params: PyTree) -> Array:
            return case.penalty * losses.l2(params, kernels(params))

        task = tasks.supervised(model, case.loss, penalty=penalty)

        run = sweep.make_run(
            lambda hparams: (task, nesterov(hparams["learning_rate"])),
            steps=config.steps,
            batch_size=len(case.y),
        )
        run = run._replace(evaluate=lambda *given: {"distance": distance(case, given[1].params)})
        return sweep.on(lambda *_: {"train": {"x": case.x, "y": case.y}}, run)

    points = sweep.grid(learning_rate=[config.learning_rate])
    programs = {name: (run(case), points) for name, case in cases(config.penalty).items()}
    return sweep.plan(programs, {}, seeds=config.seeds, column="model")


def cases(penalty: float) -> dict[str, Case]:
    """The four models on scikit-learn's real data sets, columns standardized."""

    def standardized(load: Callable[..., tuple]) -> tuple[np.ndarray, np.ndarray]:
        x, y = load(return_X_y=True)
        return StandardScaler().fit_transform(x).astype(np.float32), y

    def logistic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        # scikit-learn minimizes ½Σw² + C·Σ loss; we minimize λΣw² + mean loss.
        strength = 1 / (2 * penalty * len(y)) if penalty else np.inf
        model = linear_model.LogisticRegression(C=strength, tol=1e-8, max_iter=10_000)
        return model.fit(x.astype(np.float64), y).coef_.T

    x, y = standardized(datasets.load_diabetes)
    y = ((y - y.mean()) / y.std()).astype(np.float32)[:, None]
    ordinary = linear_model.LinearRegression().fit(x.astype(np.float64), y).coef_.T
    found = {"linear": Case(x, y, 1, losses.squared_error, 0.0, ordinary)}
    x, y = standardized(datasets.load_breast_cancer)
    both, known = y[:, None].astype(np.float32), logistic(x, y)
    found["logistic"] = Case(x, both, 1, losses.binary_cross_entropy, penalty, known)
    x, y = standardized(datasets.load_wine)
    three, known = y.astype(np.int32), logistic(x, y)
    found["softmax"] = Case(x, three, 3, losses.softmax_cross_entropy, penalty, known)
    x, y = standardized(datasets.load_iris)
    sign = np.where(y == 0, 1, -1).astype(np.float32)[:, None]
    return found | {"perceptron": Case(x, sign, 1, losses.perceptron, 0.0, None)}


def distance(case: Case, params: PyTree) -> Array:
    """To scikit-learn's coefficients, of the largest; of the perceptron the share of errors."""
    kernel, bias = params["Dense_0"]["kernel"], params["Dense_0"]["bias"]
    if case.coefficients is None:
        return jnp.mean(case.y * (case.x @ kernel + bias[None, :]) <= 0)
    # A softmax is blind to a common shift of all classes; scikit-learn's solution has mean 0.
    shift = kernel.mean(axis=1, keepdims=True) if case.outputs > 1 else 0.0
    scale = jnp.max(jnp.abs(case.coefficients))
    return jnp.max(jnp.abs(kernel - shift - case.coefficients)) / scale


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Distance in the geometric mean over the seeds, against its bound."""
    judged, rows = [], []
    for name, trials in results.frame().groupby("model", sort=False):
        claim, found = CLOSE, stats.mean_interval(trials["distance"], "positive")
        if name == "perceptron":
            free = int((trials["distance"] < ERROR_FREE).sum())
            claim, found = SEPARATES, stats.proportion_interval(free, len(trials))
        judged.append(claim.judge(found, "" if claim is SEPARATES else name))
        bound = claim.threshold
        rows.append({"model": name, "largest difference, or share": found, "bound": bound})
    caption = "Of the perceptron the share of seeds that end without an error; 95 % intervals."
    return launch.Conclusion(judged, [Section("Distance", [report.table(rows, caption)])])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
