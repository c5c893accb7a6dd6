"""Activations by depth: what trains, what dies, what saturates.

MLPs of 2, 8 and 16 hidden layers on the digits, with each activation; weights of He's variance for
the rectifiers and of LeCun's for the others, Adam, equal numbers of steps. The rate of each
activation and depth is chosen on validation. After training, over all training examples: the share
of hidden units that are exactly zero for every example (dead), and of outputs within 1 % of the
range from an end of it (saturated; sigmoid and tanh only, nothing else has two ends).

Claims: sigmoid, at 8 and at 16 layers, stays 30 points or more of test accuracy below relu; at the
highest rate tried more than 5 % of the units of relu are dead, and fewer than 0.5 % of those of
leaky relu; the saturated share of tanh, and of sigmoid, is 5 points or more larger at 16 layers
than at 2.

Command: python -m experiments.activation_depth --workdir=runs/activation_depth
Minutes: 1.5 on 2 cores.
Last result: 2026-11-21, 2-core Xeon (shared, 629 s; 3.4 minutes of one core), jax 0.10.2: relu
above sigmoid by 66 points [47, 85] at 8 layers and 85 [84, 86] at 16, hold; dead at rate 0.03: relu
55 % [54, 56], leaky relu 0 %, hold; saturation, 16 layers minus 2: tanh −25 points [−26, −23],
sigmoid −39 [−43, −35], both fail. The rate chosen falls with depth, and saturation with the rate:
at 0.01 that of tanh grows from 25 % at 2 layers to 62 % at 16, at 0.003 it falls.
"""

from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(500, "Training steps of each trial.", low=1),
    "seeds": Field(5, "Seeds of each setting.", low=1),
    "depths": Field((2, 8, 16), "Numbers of hidden layers.", low=1),
    "width": Field(48, "Units of each hidden layer.", low=1),
    "learning_rates": Field((3e-4, 1e-3, 3e-3, 1e-2, 3e-2), "Rates of Adam to try.", low=1e-12),
}
RECTIFIERS = ("relu", "leaky_relu")
ACTIVATIONS = (*RECTIFIERS, "elu", "gelu_exact", "tanh", "sigmoid")
ENDS = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}
AHEAD, DEAD, ALIVE, MORE_SATURATED = 0.3, 0.05, 0.005, 0.05


def plan(config: Any) -> launch.Plan:
    """One program: activation, depth and rate are numbers inside it."""
    from jaxdl import sweep, tasks
    from jaxdl.data import catalog, scaling, splits
    from jaxdl.optimizers import adam

    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_whole)

    def build(hparams: dict[str, Any]) -> Any:
        model = stack(config, hparams["activation"], hparams["depth"])
        return tasks.classification(model), adam(hparams["learning_rate"])

    run = sweep.make_run(build, steps=config.steps, batch_size=64)

    def evaluate(hparams: dict[str, Any], state: Any, data: Any) -> dict[str, Any]:
        model = stack(config, hparams["activation"], hparams["depth"])
        hidden = model.apply({"params": state.params}, data["train"]["x"], method="hidden")
        shares = unit_shares(hidden, hparams["activation"], hparams["depth"])
        return run.evaluate(hparams, state, data) | shares

    settings = sweep.grid(
        activation=ACTIVATIONS, depth=config.depths, learning_rate=config.learning_rates
    )
    trials = sweep.trials(["mlp"], settings, range(config.seeds))
    programs = {"mlp": run._replace(evaluate=evaluate)}
    return launch.Plan(programs, trials, data, 1, {"activation": ACTIVATIONS})


def stack(config: Any, activation: Any, depth: Any) -> Any:
    """An MLP whose activation (an index) and depth (up to the largest) may be traced."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp

    from jaxdl.layers import activations

    functions = [activations.ACTIVATIONS[name] for name in ACTIVATIONS]
    variances = jnp.array([2.0 if name in RECTIFIERS else 1.0 for name in ACTIVATIONS])
    further = max(config.depths) - 1

    def kernels(key: Any, shape: Any, dtype: Any = jnp.float32) -> Any:
        deviation = jnp.sqrt(variances[activation] / shape[-2])
        return deviation * jax.random.normal(key, shape, dtype)

    class Stack(nn.Module):
        def setup(self) -> None:
            self.first = nn.Dense(config.width, kernel_init=kernels)
            self.kernels = self.param("kernels", kernels, (further, config.width, config.width))
            self.biases = self.param("biases", nn.initializers.zeros, (further, config.width))
            self.last = nn.Dense(10, kernel_init=kernels)

        def hidden(self, x: Any) -> Any:
            """Outputs of the hidden layers [largest depth, B, width]; beyond `depth`, repeats."""

            def layer(h: Any, own: Any) -> Any:
                place, kernel, bias = own
                z = h @ kernel + jnp.broadcast_to(bias, h.shape)
                h = jnp.where(place < depth, jax.lax.switch(activation, functions, z), h)
                return h, h

            h = jax.lax.switch(activation, functions, self.first(x.reshape(len(x), -1)))
            places = jnp.arange(1, further + 1)
            _, others = jax.lax.scan(layer, h, (places, self.kernels, self.biases))
            return jnp.concatenate([h[None], others])

        def __call__(self, x: Any) -> Any:
            return self.last(self.hidden(x)[-1])

    return Stack()


def unit_shares(hidden: Any, activation: Any, depth: Any) -> dict[str, Any]:
    """Dead units and saturated outputs in the first `depth` of the layers [L, B, width]."""
    import jax.numpy as jnp

    # An activation without two ends is never near one.
    ends = jnp.array([ENDS.get(name, (-jnp.inf, jnp.inf)) for name in ACTIVATIONS])
    low, high = ends[activation]
    margin = jnp.where(jnp.isfinite(high), 0.01 * (high - low), 0.0)
    near_an_end = (hidden < low + margin) | (hidden > high - margin)
    by_layer = {
        "dead": jnp.all(hidden == 0, axis=1).mean(axis=1),
        "saturated": near_an_end.mean(axis=(1, 2)),
    }
    used = jnp.arange(len(hidden)) < depth
    return {name: jnp.mean(values, where=used) for name, values in by_layer.items()}


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Accuracy and saturation at the chosen rates, dead units at the highest."""
    from jaxdl import report, stats

    by = ["activation", "depth"]
    frame = results.to_pandas().astype({"depth": int})
    summary = report.summary(frame, by, examples=int(plan.data["test"]["mask"].sum()))
    table = report.summary_table(summary, by)
    report.show(table)
    chosen = stats.chosen_trials(frame, summary, [*by, "learning_rate"])
    highest = frame[frame["learning_rate"] == max(config.learning_rates)]
    claims = [
        *report.depends(_training_claims(config, chosen)),
        *_unit_claims(config, chosen, highest),
    ]
    bounded = frame[frame["activation"].isin(ENDS)]
    pictures = (
        _shares(bounded, "saturated", "saturated outputs", "Within 1 % of the range from an end"),
        _shares(frame, "dead", "dead hidden units", "Exactly zero for every training example"),
    )
    sections = [
        report.Section("At the chosen rates", (_map(summary), table)),
        report.Section("Units", pictures),
    ]
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(claims, sections, headline)


def _seeds(frame: Any, values: str) -> Any:
    """`[seeds, (activation, depth)]`."""
    columns = ["activation", "depth"]
    return frame.pivot(index="seed", columns=columns, values=values).astype(float)


def _training_claims(config: Any, chosen: Any) -> Any:
    from jaxdl import report, stats

    accuracy = _seeds(chosen, "test_accuracy")
    return [
        report.judge(
            "F12", f"with {depth} hidden layers relu trains and sigmoid does not",
            "paired difference in test accuracy, relu minus sigmoid", "1", AHEAD,
            stats.paired_interval(accuracy["relu", depth], accuracy["sigmoid", depth]),
            "above",
        )
        for depth in config.depths if depth >= 8
    ]  # fmt: skip


def _unit_claims(config: Any, chosen: Any, highest: Any) -> Any:
    from jaxdl import report, stats

    dead, saturated = _seeds(highest, "dead"), _seeds(chosen, "saturated")
    few, many = min(config.depths), max(config.depths)
    rate = f"{max(config.learning_rates):g}"
    for name, threshold, direction in (("relu", DEAD, "above"), ("leaky_relu", ALIVE, "below")):
        units = config.width * sum(config.depths)
        shares = dead[name].mean(axis=1, skipna=False)
        share = stats.mean_interval(shares, "share", examples=units)
        words = "are" if direction == "above" else "are not"
        yield report.judge(
            "F12", f"{name}: units {words} dead after training at rate {rate}",
            "share of dead hidden units, mean over the depths", "1", threshold, share,
            direction,  # type: ignore[arg-type]
        )  # fmt: skip
    for name in ENDS:
        more = stats.paired_interval(saturated[name, many], saturated[name, few])
        yield report.judge(
            "F12", f"{name}: saturation grows with depth, each at its chosen rate",
            f"paired difference of the saturated shares, {many} minus {few} layers", "1",
            MORE_SATURATED, more, "above",
        )  # fmt: skip


def _map(summary: Any) -> Any:
    from jaxdl import report

    values = 100 * report.grid(summary, "activation", "depth", "test_accuracy")
    values.columns = values.columns.rename("hidden layers")
    title = "Test accuracy by activation and depth"
    figure = report.heat_map(values, title=title, label="test accuracy (%)")
    caption = f"Mean over seeds, {report.CHOSEN}; chance is 10 %."
    return report.Picture("accuracy", report.to_png(figure), title, caption)


def _shares(frame: Any, share: str, words: str, caption: str) -> Any:
    """A share of the units or outputs, against the rate."""
    from jaxdl import report

    layers = frame["depth"].astype(str) + " layers"
    figure = report.sensitivity(
        frame.assign(**{share: 100 * frame[share].astype(float)}, layers=layers), y=share,
        panel="layers", line="activation", title=f"{words.capitalize()} after training",
        y_label=f"share of {words} (%)",
    )  # fmt: skip
    caption = f"{caption}, mean over the hidden layers."
    return report.Picture(share, report.to_png(figure), f"{words} by rate", caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
