"""How far a signal gets: deep MLPs at initialization, and what zeros do to training.

Every initializer × activation, on standardized digits: second moment of the pre-activations, share
of saturated (derivative below a tenth of its largest) and of dead (flat for every example) units,
and norm of the gradient, layer by layer, before any training. Then shallow MLPs are trained from
equal weights, and from zero and from random biases.

Claims: under ReLU the second moment stays constant with He's weights and falls as 2^-(L-1) with
Glorot's; under tanh it stays constant with Glorot's (or falls only as 1/2L, as mean-field theory
says), all to a factor of two; N(0, 1) weights saturate most units of tanh and sigmoid; dead ReLU
units get more with depth; from equal weights hidden units stay identical in more than half of the
seeds; zero biases are as good as small random ones.

Command: python -m experiments.signal_propagation --workdir=runs/signal_propagation
Minutes: 1.3 on 2 cores.
Last result: 2026-11-21, machine '2-core Xeon, jax 0.10.2', 30 seeds; ratios of the last of 20
hidden layers to the first, in log2. ReLU: He -0.37 [-0.74, -0.00] (normal), -0.48 (uniform), holds;
Glorot -19.37 and -19.48, holds (the same draws, scaled). tanh, Glorot: -4.41 [-4.49, -4.33], so
constant fails, and 1/2L holds, to 0.05. Saturated by N(0, 1): tanh 87 %, sigmoid 62 %, holds. Dead
ReLU units: 27 points more, holds. Equal weights: units differ by exactly 0, holds (before the
quantity was restated). Zero against random biases: 0.09 points of accuracy at most, bounds to 0.40,
holds for each activation.
"""

from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(200, "Training steps of the shallow networks; no deep one is trained.", low=1),
    "seeds": Field(30, "Seeds of each setting.", low=1),
    "depth": Field(20, "Hidden layers of the deep networks.", low=2),
    "width": Field(128, "Units of each hidden layer.", low=10),
    "examples": Field(128, "Digits sent through the deep networks.", low=1, high=1077),
    "activations": Field(("relu", "tanh", "sigmoid", "elu", "gelu_exact"), "Activations."),
    "learning_rates": Field((1e-3, 3e-3, 1e-2), "Rates of Adam, shallow networks.", low=1e-12),
    "bias_stddev": Field(0.1, "Standard deviation of the random biases.", low=1e-6),
}  # fmt: skip
FLAT = 0.1
FACTOR_OF_TWO, MOST, MORE_DEAD, IDENTICAL, AS_GOOD = 1.0, 0.5, 0.05, 1e-3, 0.01
EQUAL = {"zeros": "zero weights", "constant": "weights that are all 0.1"}
SCALED = ("he_normal", "xavier_normal", "lecun_normal", "orthogonal")
EXTREME = ("he_normal", "xavier_normal", "orthogonal", "large_normal", "small_normal")
QUANTITIES = {
    "moment": ("second moment of the pre-activations (log2)", SCALED),
    "gradient": ("norm of the gradient of the weights (log2)", SCALED),
    "saturated": ("share of saturated units (1)", EXTREME),
    "dead": ("share of dead units (1)", EXTREME),
}


def plan(config: Any) -> launch.Plan:
    """Two programs per activation: the deep network as it begins, the shallow one trained."""
    from jaxdl import initializers, sweep
    from jaxdl.data import catalog, scaling, splits
    from jaxdl.layers import activations

    chosen = launch.choose_all("activations", config.activations, activations.ACTIVATIONS)
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_per_column)
    names = list(initializers.INITIALIZERS)
    deep = {f"deep {name}": _deep(config, activation) for name, activation in chosen.items()}
    trained = {f"trained {name}": _trained(config, g, names) for name, g in chosen.items()}
    equal = sweep.grid(
        initializer=list(EQUAL), bias=[0.0], learning_rate=[max(config.learning_rates)]
    )
    biases = [0.0, config.bias_stddev]
    biased = sweep.grid(initializer=["he_normal"], bias=biases, learning_rate=config.learning_rates)
    seeds = range(config.seeds)
    trials = sweep.trials(list(deep), sweep.grid(initializer=names), seeds)
    trials += sweep.trials(list(trained), equal + biased, seeds)
    programs = deep | trained
    labels = {
        name: dict(zip(("kind", "activation"), name.split(), strict=True)) for name in programs
    }
    return launch.Plan(programs, trials, data, 1, {"initializer": names}, labels)


def _deep(config: Any, activation: Any) -> Any:
    """A network that is looked at, not trained."""
    import jax
    import jax.numpy as jnp

    from jaxdl import initializers, sweep
    from jaxdl.types import TrainState

    def init(hparams: dict[str, Any], key: Any, data: Any) -> TrainState:
        draw, width = initializers.switch(hparams["initializer"]), config.width
        inputs, outputs, *hidden = jax.random.split(key, config.depth + 1)
        kernels = {
            "first": draw(inputs, (data["train"]["x"][0].size, width)),
            "hidden": jax.lax.map(lambda key: draw(key, (width, width)), jnp.stack(hidden)),
            "last": draw(outputs, (width, 10)),
        }
        return TrainState(jnp.zeros((), jnp.int32), key, kernels, {}, ())

    def advance(hparams: dict[str, Any], state: TrainState, data: Any) -> Any:
        return state, {"unchanged": jnp.ones(1)}

    def evaluate(hparams: dict[str, Any], state: TrainState, data: Any) -> Any:
        batch = {name: array[: config.examples] for name, array in data["train"].items()}
        values = _by_layer(activation, state.params, batch)
        layers = range(config.depth)
        return {f"{name}_{i + 1}": value[i] for name, value in values.items() for i in layers}

    return sweep.Run(init, advance, evaluate)


def _by_layer(activation: Any, kernels: dict[str, Any], batch: Any) -> dict[str, Any]:
    """The quantities of each hidden layer, [depth] each; the biases are zero."""
    import jax
    import jax.numpy as jnp

    from jaxdl import losses

    def layer(z: Any, kernel: Any) -> Any:
        z = activation(z) @ kernel
        return z, z

    def loss(kernels: Any) -> Any:
        first = batch["x"].reshape(len(batch["y"]), -1) @ kernels["first"]
        last, others = jax.lax.scan(layer, first, kernels["hidden"])
        logits = activation(last) @ kernels["last"]
        value = losses.softmax_cross_entropy(logits, batch["y"]).mean()
        return value, jnp.concatenate([first[None], others])

    def log2_square(x: Any) -> Any:
        # The sum itself may be too small for float32; nan where all is zero.
        largest = jnp.max(jnp.abs(x))
        scaled = x / jnp.where(largest > 0, largest, 1)
        size = 2 * jnp.log2(largest) + jnp.log2(jnp.sum(scaled**2))
        return jnp.where(largest > 0, size, jnp.nan)

    grads, z = jax.grad(loss, has_aux=True)(kernels)
    steepness = jax.vmap(jax.grad(activation))
    steepest = jnp.max(jnp.abs(steepness(jnp.linspace(-5.0, 5.0, 1001))))
    flat = (jnp.abs(steepness(z.reshape(-1))) < FLAT * steepest).reshape(z.shape)
    first, others = log2_square(grads["first"]), jax.vmap(log2_square)(grads["hidden"])
    return {
        "moment": jax.vmap(log2_square)(z) - jnp.log2(z[0].size),
        "gradient": jnp.concatenate([first[None], others]) / 2,
        "saturated": flat.mean(axis=(1, 2)),
        "dead": flat.all(axis=1).mean(axis=1),
    }


def _trained(config: Any, activation: Any, names: list[str]) -> Any:
    """A shallow network: trained, and its hidden units compared with each other."""
    import jax.numpy as jnp

    from jaxdl import initializers, sweep, tasks
    from jaxdl.models import MLP
    from jaxdl.optimizers import adam

    def build(hparams: dict[str, Any]) -> Any:
        biases: Any = initializers.normal(hparams["bias"])
        model = MLP(
            (config.width,) * 2,
            10,
            activation,
            kernel_init=initializers.switch(hparams["initializer"], names),
            bias_init=biases,
        )
        return tasks.classification(model), adam(hparams["learning_rate"])

    run = sweep.make_run(build, steps=config.steps, batch_size=64)

    def evaluate(hparams: dict[str, Any], state: Any, data: Any) -> dict[str, Any]:
        kernels = [state.params[layer]["kernel"] for layer in ("Dense_0", "Dense_1")]
        apart = [jnp.max(jnp.abs(k - k.mean(axis=1, keepdims=True))) for k in kernels]
        largest = [jnp.max(jnp.abs(k)) for k in kernels]
        ratios = [a / jnp.where(b > 0, b, 1) for a, b in zip(apart, largest, strict=True)]
        return run.evaluate(hparams, state, data) | {"apart": jnp.max(jnp.stack(ratios))}

    return run._replace(evaluate=evaluate)


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Ratios of the last to the first hidden layer, and what training showed."""
    from jaxdl import report

    frame = results.to_pandas()
    deep, trained = frame[frame["kind"] == "deep"], frame[frame["kind"] == "trained"]
    claims = [*_deep_claims(config, deep), *_trained_claims(config, trained)]
    sections = [
        report.Section("By initializer", (_heat_map(config, deep),)),
        report.Section("By layer", tuple(_lines(config, deep))),
        report.Section("Training from equal weights", (_equal_table(trained),)),
    ]
    held = sum(claim.verdict == "holds" for claim in claims)
    others = "; ".join(f"{c.claim}: {c.verdict}" for c in claims if c.verdict != "holds")
    headline = f"{held} of {len(claims)} claims hold; not: {others or 'none'}."
    return launch.Conclusion(claims, sections, headline)


def _deep_claims(config: Any, deep: Any) -> Any:
    import numpy as np

    from jaxdl import report, stats

    further = config.depth - 1
    columns = [f"{name}_{i}" for name in QUANTITIES for i in (1, config.depth)]

    def trials(activation: str, initializer: str) -> Any:
        mine = deep["activation"].eq(activation) & deep["initializer"].eq(initializer)
        return deep.loc[mine, columns].astype(float)

    def near(activation: str, initializer: str, claim: str, expected: Any) -> Any:
        rows = trials(activation, initializer)
        first, last = rows["moment_1"], rows[f"moment_{config.depth}"]
        interval = _magnitude(stats.mean_interval(last - first - expected(first)))
        sentence = f"{activation}, {initializer}: the second moment {claim}"
        quantity = "distance of the ratio last / first hidden layer from that"
        return report.judge("I2", sentence, quantity, "log2", FACTOR_OF_TWO, interval, "below")

    if "relu" in config.activations:
        for he in ("he_normal", "he_uniform"):
            yield near("relu", he, "is constant", lambda first: 0.0)
        for glorot in ("xavier_normal", "xavier_uniform"):
            yield near("relu", glorot, "falls as 2^-(L-1)", lambda first: -further)
        rows = trials("relu", "he_normal")
        more = stats.paired_interval(rows[f"dead_{config.depth}"], rows["dead_1"])
        sentence = "relu, he_normal: dead units get more with depth"
        quantity = "share in the last hidden layer, less that in the first"
        yield report.judge("F12", sentence, quantity, "1", MORE_DEAD, more, "above")
    if "tanh" in config.activations:
        for glorot in ("xavier_normal", "xavier_uniform"):
            yield near("tanh", glorot, "is constant", lambda first: 0.0)
            # q' = q - 2q² for small q: the first terms of E[tanh²(√q z)].
            slow = "falls as 1 / (2(L-1) + 1/q_1)"
            yield near("tanh", glorot, slow, lambda first: -np.log2(2.0**first * 2 * further + 1))
    for activation in (name for name in ("tanh", "sigmoid") if name in config.activations):
        saturated = trials(activation, "large_normal")[f"saturated_{config.depth}"]
        share = stats.mean_interval(saturated.astype(float), "share", examples=config.width)
        sentence = f"{activation}: N(0, 1) weights saturate most units"
        quantity = "share of saturated units in the last hidden layer"
        yield report.judge("I1", sentence, quantity, "1", MOST, share, "above")


def _trained_claims(config: Any, trained: Any) -> Any:
    from jaxdl import report, stats

    for initializer, words in EQUAL.items():
        mine = trained[trained["initializer"].eq(initializer)].astype({"apart": float})
        apart = mine.groupby("seed")["apart"].agg(lambda values: values.max(skipna=False))
        share = stats.proportion_interval(int((apart < IDENTICAL).sum()), len(apart))
        sentence = f"from {words}, hidden units stay identical in most seeds"
        quantity = (
            f"share of seeds in which no weight of a unit is further than {IDENTICAL:g} of the "
            "largest from the mean unit's, with any activation"
        )
        yield report.judge("I1", sentence, quantity, "1", MOST, share, "above")
    biased, by = trained[trained["initializer"].eq("he_normal")], ["activation", "bias"]
    summary = stats.select(biased, by, "learning_rate")
    chosen = stats.chosen_trials(biased, summary, [*by, "learning_rate"])
    accuracy = chosen.pivot(index="seed", columns=by, values="test_accuracy").astype(float)
    sentence = "zero biases are as good as small random ones"
    quantity = "difference in test accuracy"
    for name in config.activations:
        gap = stats.paired_interval(accuracy[name, 0.0], accuracy[name, config.bias_stddev])
        yield report.judge(
            "I1", f"{name}: {sentence}", quantity, "1", AS_GOOD, _magnitude(gap), "below"
        )


def _magnitude(interval: Any) -> Any:
    """The interval of the distance from zero: it lies below a tolerance if both bounds do."""
    low, high = sorted((abs(interval.low), abs(interval.high)))
    crosses = interval.low < 0 < interval.high
    return interval._replace(mean=abs(interval.mean), low=0.0 if crosses else low, high=high)


def _heat_map(config: Any, deep: Any) -> Any:
    from jaxdl import report

    change = deep[f"moment_{config.depth}"].astype(float) - deep["moment_1"].astype(float)
    by = ["activation", "initializer"]
    means = deep.assign(change=change).groupby(by, sort=False)["change"].mean().reset_index()
    title = "Second moment of the pre-activations, last hidden layer / first"
    label = "ratio (log2), mean over seeds"
    table = report.grid(means, "activation", "initializer", "change")
    figure = report.heat_map(table, title=title, label=label)
    caption = "0: the signal keeps its size; a dash: nothing arrives. One unit is a factor of two."
    return report.Picture("second_moments", report.to_png(figure), title, caption)


def _lines(config: Any, deep: Any) -> Any:
    import pandas as pd

    from jaxdl import report
    from jaxdl.report import panels, style

    keys = ["activation", "initializer", "seed"]
    columns = [f"{name}_{i + 1}" for name in QUANTITIES for i in range(config.depth)]
    table = pd.wide_to_long(deep[keys + columns], list(QUANTITIES), keys, "layer", sep="_")
    table = table.reset_index()
    for quantity, (label, initializers) in QUANTITIES.items():
        part = table[table["initializer"].isin(initializers)]
        order = part["initializer"].map(initializers.index).argsort(kind="stable")
        with style.house_style():
            figure, _ = panels.small_multiples(
                part.iloc[order],
                "layer",
                quantity,
                "activation",
                "initializer",
                title=label.split(" (")[0].capitalize() + ", before training",
                x_label="hidden layer",
                y_label=label,
                x_scale="linear",
                y_scale="linear",
                marker_every=0.3,
            )
        caption = "Lines: mean over the seeds; bands: from the lowest to the highest seed."
        yield report.Picture(f"{quantity}_by_layer", report.to_png(figure), label, caption)


def _equal_table(trained: Any) -> Any:
    from jaxdl import report

    by, values = ["initializer", "activation"], ["apart", "test_accuracy"]
    most = trained.astype(dict.fromkeys(values, float)).groupby(by, sort=False)[values].max()
    rows = tuple(
        (*names, report.number(row["apart"]), report.percent(row["test_accuracy"]))
        for names, row in most.iterrows()
    )
    header = ("initializer", "activation", "units apart, at most (1)", "best test accuracy (%)")
    return report.Table(header, rows, frozenset({2, 3}))


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
