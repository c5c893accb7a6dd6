"""Does asking a network to memorize a few examples find its faults, and which does it not find?

An MLP is trained on eight digits, as it should be and with one fault planted: the softmax applied
twice, no gradient below the last layer, a rate a thousand times too small or too large, a penalty
of 1 on the weights, inputs that are all zero, zero weights. It has memorized them if the mean loss
of the last tenth of the steps is below a hundredth of the first, the rule of `--check_overfit`.
Then two faults that such a check cannot see: labels of other examples, and digits whose pixels are
turned upside down in training only.

    python -m experiments.overfit_first --workdir=runs/overfit_first  # 0.3 minutes on 2 cores
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl import launch, losses, report, stats, sweep, tasks
from jaxdl.data import batches, catalog, scaling, splits
from jaxdl.initializers import he_normal
from jaxdl.launch import setting
from jaxdl.launch.overfit import EXAMPLES, SHARE
from jaxdl.models import MLP
from jaxdl.optimizers import adam
from jaxdl.params import kernels
from jaxdl.report import Claim, Section
from jaxdl.types import Array, Batch, PyTree, Task

MEMORIZED = "share of seeds that memorize"
CLAIMS = SOUND, FOUND, MISSED = (
    Claim("F16", "a sound network memorizes a few examples", MEMORIZED, above=0.9, unit="%"),
    Claim("F16", "a network with a fault does not", MEMORIZED, below=0.5, unit="%"),
    Claim("F16", "with a fault of the data it does, which the check cannot see",
          MEMORIZED, above=0.5, unit="%"),
)  # fmt: skip
NONE = "none"
OF_THE_NETWORK = (
    "softmax twice", "gradient stopped", "rate too small", "rate too large", "penalty of 1",
    "inputs of zero", "zero weights",
)  # fmt: skip
OF_THE_DATA = ("labels of others", "upside down")
FAULTS = (NONE, *OF_THE_NETWORK, *OF_THE_DATA)


class Config(launch.Config):
    """The network, and how long it may take."""

    steps: int = setting(1000, "Training steps of each trial.", low=10)
    seeds: int = setting(40, "Seeds of each fault.", low=2)
    hidden: tuple[int, ...] = launch.widths(64)
    learning_rate: float = setting(3e-3, "Learning rate of Adam where it is right.", low=1e-12)


def plan(config: Config) -> sweep.Plan:
    """One program: the fault is a number inside it."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    points = sweep.grid(fault=FAULTS)

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        scale = jnp.where(has(hparams, "rate too small"), 1e-3, 1.0)
        scale = jnp.where(has(hparams, "rate too large"), 1e3, scale)
        return task(config, hparams), adam(config.learning_rate * scale)

    run = sweep.make_run(
        build, steps=config.steps, batch_size=EXAMPLES, order=batches.ordered_indices
    )
    programs = {"MLP": (sweep.on(few, run), points)}
    return sweep.plan(programs, data, seeds=config.seeds, categories={"fault": FAULTS})


def has(hparams: PyTree, fault: str) -> Array:
    """Whether it is the trial's fault."""
    return hparams["fault"] == FAULTS.index(fault)


def task(config: Config, hparams: PyTree) -> Task:
    """Classification by the network with its fault."""

    def kernel_init(key: Array, shape: tuple[int, ...], dtype: jnp.dtype = jnp.float32) -> Array:
        return jnp.where(has(hparams, "zero weights"), 0.0, he_normal(key, shape, dtype))

    def loss(logits: Array, labels: Array) -> Array:
        twice = jnp.where(has(hparams, "softmax twice"), jax.nn.softmax(logits), logits)
        return losses.softmax_cross_entropy(twice, labels)

    def penalty(params: PyTree) -> Array:
        strength = jnp.where(has(hparams, "penalty of 1"), 1.0, 0.0)
        return losses.elastic_net(params, 0.0, strength, kernels(params))

    whole = tasks.classification(
        MLP(config.hidden, 10, kernel_init=kernel_init), loss=loss, penalty=penalty
    )

    def stopped(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, PyTree]]:
        last = f"Dense_{len(config.hidden)}"
        stop = has(hparams, "gradient stopped")
        below = {
            name: jax.tree.map(lambda x: jnp.where(stop, jax.lax.stop_gradient(x), x), layer)
            for name, layer in params.items()
            if name != last
        }
        return whole.loss({**below, last: params[last]}, model_state, batch, key, train=train)

    return whole._replace(loss=stopped)


def few(hparams: PyTree, key: Array, data: sweep.Data) -> sweep.Data:
    """Eight examples that the seed draws, with the trial's fault."""
    rows = batches.permutation(key, len(data["train"]["y"]))[:EXAMPLES]
    x, y = (batches.take(data["train"], rows)[name] for name in ("x", "y"))
    x = jnp.where(has(hparams, "inputs of zero"), 0.0, x)
    x = jnp.where(has(hparams, "upside down"), x[:, ::-1], x)
    y = jnp.where(has(hparams, "labels of others"), jnp.roll(y, 1), y)
    return {**data, "train": {"x": x, "y": y}}


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Shares of seeds that memorize, by fault."""
    frame, curves = results.frame(), results.curves()["loss"]
    last = curves[:, -max(1, curves.shape[1] // 10) :].mean(axis=1)
    frame["memorized"] = np.nan_to_num(last, nan=np.inf) < SHARE * curves[:, 0]
    found = {
        str(fault): stats.proportion_of(rows["memorized"])
        for fault, rows in frame.groupby("fault", sort=False)
    }
    claims = [
        SOUND.judge(found[NONE]),
        *FOUND.judge_each({fault: found[fault] for fault in OF_THE_NETWORK}),
        *MISSED.judge_each({fault: found[fault] for fault in OF_THE_DATA}),
    ]
    rows = [
        {"fault": fault, "memorized (%)": found[fault], "accuracy on test (%)": mine.mean()}
        for fault, mine in frame.groupby("fault", sort=False)["test_accuracy"]
    ]
    table = report.table(rows, f"{EXAMPLES} examples, {config.seeds} seeds of each fault.")
    faults = [NONE, *OF_THE_NETWORK, *OF_THE_DATA]
    figure = report.intervals(claims, faults, title="Share of seeds that memorize, by fault")
    return launch.Conclusion(claims, [Section("By fault", (table, report.picture(figure)))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
