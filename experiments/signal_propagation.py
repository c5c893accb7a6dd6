"""How far does a signal get in a deep MLP at initialization, and what do zeros do to training?

Every initializer × activation, on standardized digits: second moment of the pre-activations, share
of saturated (derivative below a tenth of its largest) and of dead (flat for every example) units,
and norm of the gradient, layer by layer, before any training; L is the number of hidden layers. The
second moment is expected within a factor of two; under tanh its slow fall is that of mean-field
theory. Then shallow MLPs are trained from equal weights, and from zero and from random biases.

    python -m experiments.signal_propagation --workdir=runs/signal_propagation
    # 1.3 minutes on 2 cores
"""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd

from jaxdl import diagnostics, initializers, launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.layers import activations
from jaxdl.models import MLP
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Judged, Picture, Section
from jaxdl.types import Array, PyTree, Task, TrainState

SAME = 1e-3
DISTANCE = "distance of the ratio last / first hidden layer from that"
CLAIMS = CONSTANT, HALVES, FALLS_SLOWLY, MORE_DEAD, SATURATED, IDENTICAL, AS_GOOD = (
    Claim("I2", "the second moment is constant", DISTANCE, below=1.0, unit="log2"),
    Claim("I2", "the second moment falls as 2^-(L-1)", DISTANCE, below=1.0, unit="log2"),
    Claim("I2", "the second moment falls as 1 / (2(L-1) + 1/q_1)", DISTANCE,
          below=1.0, unit="log2"),
    Claim("F12", "dead units get more with depth",
          "share in the last hidden layer, less that in the first", above=0.05, unit="points"),
    Claim("I1", "N(0, 1) weights saturate most units",
          "share of saturated units in the last hidden layer", above=0.5, unit="%"),
    Claim("I1", "from equal weights, hidden units stay identical in most seeds",
          f"share of seeds in which no weight of a unit is further than {SAME:g} of the largest "
          "from the mean unit's, with any activation", above=0.5, unit="%"),
    Claim("I1", "zero biases are as good as small random ones",
          "difference in test accuracy", below=0.01, unit="points"),
)  # fmt: skip
EQUAL = {"zeros": "zero weights", "constant": "weights that are all 0.1"}
SCALED = ("he_normal", "xavier_normal", "lecun_normal", "orthogonal")
EXTREME = ("he_normal", "xavier_normal", "orthogonal", "large_normal", "small_normal")
QUANTITIES = {
    "moment": ("second moment of the pre-activations (log2)", SCALED),
    "gradient": ("norm of the gradient of the weights (log2)", SCALED),
    "saturated": ("share of saturated units (%)", EXTREME),
    "dead": ("share of dead units (%)", EXTREME),
}
Activation = Callable[[Array], Array]


class Config(launch.Config):
    """How large the networks are, and which activations they have."""

    steps: int = setting(
        200, "Training steps of the shallow networks; no deep one is trained.", low=1
    )
    seeds: int = setting(30, "Seeds of each setting.", low=1)
    depth: int = setting(20, "Hidden layers of the deep networks.", low=2)
    width: int = setting(128, "Units of each hidden layer.", low=10)
    examples: int = setting(128, "Digits sent through the deep networks.", low=1, high=1077)
    activations: tuple[str, ...] = setting(
        ("relu", "tanh", "sigmoid", "elu", "gelu_exact"), "Activations."
    )
    learning_rates: tuple[float, ...] = launch.rates(
        1e-3, 3e-3, 1e-2, help="Rates of Adam, shallow networks."
    )
    bias_stddev: float = setting(0.1, "Standard deviation of the random biases.", low=1e-6)


def plan(config: Config) -> sweep.Plan:
    """Two programs per activation: the deep network as it begins, the shallow one trained."""
    chosen = launch.choose_all("activations", config.activations, activations.ACTIVATIONS)
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_per_column)
    names, rates = list(initializers.INITIALIZERS), config.learning_rates
    drawn = sweep.grid(initializer=names)
    trained = [
        *sweep.grid(initializer=list(EQUAL), bias=[0.0], learning_rate=[max(rates)]),
        *sweep.grid(initializer=["he_normal"], bias=[0.0, config.bias_stddev], learning_rate=rates),
    ]
    deep = {f"deep {name}": (untrained(config, g), drawn) for name, g in chosen.items()}
    shallow = {f"trained {name}": (two_layers(config, g), trained) for name, g in chosen.items()}
    labels = {
        f"{kind} {name}": {"kind": kind, "activation": name}
        for kind in ("deep", "trained")
        for name in chosen
    }
    categories = {"initializer": names}
    return sweep.plan(
        deep | shallow, data, seeds=config.seeds, labels=labels, categories=categories
    )


def untrained(config: Config, activation: Activation) -> sweep.Run:
    """A deep network that is looked at, not trained."""

    def kernels(hparams: PyTree, key: Array, data: sweep.Data) -> PyTree:
        draw, width = initializers.switch(hparams["initializer"]), config.width
        inputs, outputs, *hidden = jax.random.split(key, config.depth + 1)
        return {
            "first": draw(inputs, (data["train"]["x"][0].size, width)),
            "hidden": jax.lax.map(lambda key: draw(key, (width, width)), jnp.stack(hidden)),
            "last": draw(outputs, (width, 10)),
        }

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        batch = {name: array[: config.examples] for name, array in data["train"].items()}
        return sweep.numbered(diagnostics.signal_by_layer(activation, state.params, batch))

    return sweep.without_training(evaluate, kernels)


def two_layers(config: Config, activation: Activation) -> sweep.Run:
    """A shallow network: trained, and its hidden units compared with each other."""

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        model = MLP(
            (config.width,) * 2, 10, activation,
            kernel_init=initializers.switch(hparams["initializer"]),
            bias_init=initializers.normal(hparams["bias"]),
        )  # fmt: skip
        return tasks.classification(model), adam(hparams["learning_rate"])

    run = sweep.make_run(build, steps=config.steps, batch_size=64)

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        kernels = [state.params[layer]["kernel"] for layer in ("Dense_0", "Dense_1")]
        apart = [jnp.max(jnp.abs(k - k.mean(axis=1, keepdims=True))) for k in kernels]
        largest = [jnp.max(jnp.abs(k)) for k in kernels]
        ratios = [a / jnp.where(b > 0, b, 1) for a, b in zip(apart, largest, strict=True)]
        return run.evaluate(hparams, state, data) | {"apart": jnp.max(jnp.stack(ratios))}

    return run._replace(evaluate=evaluate)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Ratios of the last to the first hidden layer, and what training showed."""
    frame = results.frame()
    deep, trained = frame[frame["kind"] == "deep"], frame[frame["kind"] == "trained"]
    biased = trained[trained["initializer"] == "he_normal"]
    tuned = stats.tune(biased, ("activation", "bias"), "learning_rate")
    groups = trained.groupby(["initializer", "activation"], sort=False)[["apart", "test_accuracy"]]
    equal = report.table(
        {
            "initializer": initializer,
            "activation": activation,
            "units apart, at most (1)": row["apart"],
            "best test accuracy (%)": row["test_accuracy"],
        }
        for (initializer, activation), row in groups.max().iterrows()
    )
    biases = report.tuned_table(tuned, "test_accuracy", against=0.0)
    sections = [
        Section("By initializer", (heat_map(config, deep),)),
        Section("By layer", tuple(lines(config, deep))),
        Section("Training from equal weights", (equal,)),
        Section("Training from zero and from random biases", (biases,)),
    ]
    claims = [*of_signals(config, deep), *of_training(config, trained, tuned)]
    return launch.Conclusion(claims, sections)


def of_signals(config: Config, deep: pd.DataFrame) -> Iterator[Judged]:
    """The claims about networks that are not trained."""
    further, last = config.depth - 1, config.depth
    networks = dict(list(deep.groupby(["activation", "initializer"])))
    changes: list[tuple[Claim, str, str, Callable[[pd.Series], pd.Series | float]]] = [
        (CONSTANT, "relu", "he", lambda first: 0.0),
        (HALVES, "relu", "xavier", lambda first: -further),
        (CONSTANT, "tanh", "xavier", lambda first: 0.0),
        # q' = q - 2q² for small q: the first terms of E[tanh²(√q z)].
        (FALLS_SLOWLY, "tanh", "xavier", lambda first: -np.log2(2.0**first * 2 * further + 1)),
    ]
    for claim, activation, family, expected in changes:
        for initializer in (f"{family}_normal", f"{family}_uniform"):
            if activation in config.activations:
                mine = networks[activation, initializer]
                change = mine[f"moment_{last}"] - mine["moment_1"]
                interval = stats.mean_interval(change - expected(mine["moment_1"]))
                yield claim.judge(stats.magnitude(interval), f"{activation}, {initializer}")
    if "relu" in config.activations:
        mine = networks["relu", "he_normal"]
        more = stats.paired_interval(mine[f"dead_{last}"], mine["dead_1"])
        yield MORE_DEAD.judge(more, "relu, he_normal")
    for activation in ("tanh", "sigmoid"):
        if activation in config.activations:
            saturated = networks[activation, "large_normal"][f"saturated_{last}"]
            share = stats.mean_interval(saturated, "share", examples=config.width)
            yield SATURATED.judge(share, activation)


def of_training(config: Config, trained: pd.DataFrame, tuned: stats.Tuned) -> Iterator[Judged]:
    """The claims about equal weights and about biases."""
    for initializer, words in EQUAL.items():
        mine = trained[trained["initializer"] == initializer]
        apart = mine.groupby("seed")["apart"].agg(lambda values: values.max(skipna=False))
        yield IDENTICAL.judge(stats.proportion_of(apart < SAME), words)
    for name in config.activations:
        gap = tuned.gain("test_accuracy", (name, 0.0), (name, config.bias_stddev))
        yield AS_GOOD.judge(stats.magnitude(gap), name)


def heat_map(config: Config, deep: pd.DataFrame) -> Picture:
    """How the second moment changes from the first hidden layer to the last."""
    change = deep[f"moment_{config.depth}"] - deep["moment_1"]
    by = ("activation", "initializer")
    means = deep.assign(change=change).groupby(list(by), sort=False)["change"].mean().reset_index()
    title = "Second moment of the pre-activations, last hidden layer / first"
    cells = report.grid(means, *by, "change")
    figure = report.heat_map(cells, title=title, label="ratio (log2), mean over seeds")
    caption = "0: the signal keeps its size; a dash: nothing arrives. One unit is a factor of two."
    return report.picture(figure, caption)


def lines(config: Config, deep: pd.DataFrame) -> Iterator[Picture]:
    """Each quantity by layer, a panel an activation, a line an initializer."""
    keys = ["activation", "initializer", "seed"]
    table = pd.wide_to_long(deep, list(QUANTITIES), keys, "layer", sep="_").reset_index()
    for quantity, (label, shown) in QUANTITIES.items():
        part = table[table["initializer"].isin(shown)]
        part = part.iloc[part["initializer"].map(shown.index).argsort(kind="stable")]
        yield from report.along(
            part, "layer", quantity, panel="activation", line="initializer", x_scale="linear",
            title=label.split(" (")[0].capitalize() + ", before training",
            x_label="hidden layer", y_label=label,
        )  # fmt: skip


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
