"""Which beginnings keep signals and gradients alive in deep networks, and which let them train?

Plain MLPs of 2 to 64 hidden layers on digits of 4 × 4 pixels, begun by Glorot's and He's draws, by
orthonormal weights, and by LSUV from these. The deepest are looked at before training, layer by
layer, forward and back, with `diagnostics.gradient_flow`; all are trained by Adam. Then residual
networks of 3 × 3 convolutions without normalization, as deep: He's draw with and without fixup,
trained by momentum. A diverged trial counts as guessing. `signal_propagation` has more activations
and initializers at 20 layers, claims nothing of gradients and trains no deep network;
`residual_depth` normalizes.

The theory is that of wide layers: at width n, E[log q] of ReLU networks falls by 5 / (2n) nats a
layer (Hanin & Nica 2018, https://arxiv.org/abs/1812.05994), 0.04 doublings at the default width.
Steps and rates were set after a few single trials from another seed, thresholds before them.

    python -m experiments.initializer_depth --workdir=runs/initializer_depth  # 5 minutes on 2 cores
"""

from collections.abc import Callable, Iterator

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd

from jaxdl import diagnostics, initializers, launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.layers import activations
from jaxdl.models import MLP, ResNet
from jaxdl.optimizers import adam, momentum
from jaxdl.report import Claim, Judged, Picture, Section
from jaxdl.types import Array, Batch, PyTree, Task, TrainState

CHANGE = "distance of the change a layer, over all hidden layers, from that"
DIFFERENCE = "paired difference in test accuracy, most layers"
CLAIMS = FORWARD, BACKWARD, UNIT, HE_TRAINS, LSUV_TRAINS, FIXUP, FIXUP_GAINS = (
    Claim("I2", "relu: forward, the second moment is kept by he_normal and halved by xavier_normal",
          CHANGE, below=0.1, unit="log2"),
    Claim("I2", "relu: back, the gradient's second moment is kept by he_normal and halved by "
          "xavier_normal", CHANGE, below=0.1, unit="log2"),
    Claim("I2", "lsuv gives every layer unit variance, on digits it has not seen",
          "largest distance of the variance of a layer from 1", below=0.25, unit="log2"),
    Claim("I2", "he_normal trains and xavier_normal does not", DIFFERENCE,
          above=0.3, unit="points"),
    Claim("I2", "lsuv trains and the orthonormal weights it begins with do not", DIFFERENCE,
          above=0.3, unit="points"),
    Claim("I2", "fixup trains a deep residual network without normalization",
          "test accuracy", above=0.8, unit="%"),
    Claim("I2", "fixup trains a deep residual network that he_normal alone does not",
          DIFFERENCE, above=0.3, unit="points"),
)  # fmt: skip
SCHEMES = {"xavier_normal": "xavier_normal", "he_normal": "he_normal",
           "orthogonal": "orthogonal", "lsuv": "orthogonal"}  # fmt: skip
"""What kernels are drawn by; those of `lsuv` are divided afterwards."""
BRANCHES = ("he_normal", "fixup")
KEPT = {"he_normal": 0.0, "xavier_normal": -1.0}
"""By how many doublings both moments change a layer in a wide ReLU network."""
OF = ("output", "backward", "gradient")
FLOW = [f"{of}_{what}" for of in OF for what in ("mean", "std")] + ["dead", "saturated"]
LOOKED_AT, CHANNELS, CHANCE, SCORE = 128, 8, 0.1, "test_accuracy"
Activation = Callable[[Array], Array]


class Config(launch.Config):
    """How deep and wide the networks are, and how they are trained."""

    steps: int = setting(500, "Training steps of each trial.", low=1)
    seeds: int = setting(6, "Seeds of each setting.", low=2)
    batch_size: int = setting(32, "Examples in a step; LSUV in training sees so many.", low=2)
    depths: tuple[int, ...] = setting((2, 8, 24, 64), "Numbers of hidden layers.", low=2)
    width: int = setting(96, "Units of each hidden layer.", low=10)
    activations: tuple[str, ...] = setting(("relu", "tanh"), "Activations.")
    learning_rates: tuple[float, ...] = launch.rates(3e-4, 1e-3, help="Rates of Adam.")
    residual_rates: tuple[float, ...] = launch.rates(0.01, 0.03, 0.1, help="Rates of momentum.")


def plan(config: Config) -> sweep.Plan:
    """A program per activation and depth; scheme, rate and seed are numbers inside it."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_whole)
    data = {
        name: {**split, "x": np.asarray(nn.avg_pool(split["x"], (2, 2), (2, 2)))}
        for name, split in data.items()
    }
    looked = sweep.grid(scheme=list(SCHEMES))
    trained = sweep.grid(scheme=list(SCHEMES), learning_rate=config.learning_rates)
    branches = sweep.grid(branches=BRANCHES, learning_rate=config.residual_rates)
    programs, labels = (
        {"residual": (residual(config), branches)},
        {"residual": {"kind": "residual"}},
    )
    known = launch.choose_all("activations", config.activations, activations.ACTIVATIONS)
    for name, g in known.items():
        labels[f"new {name}"] = {"kind": "new", "activation": name}
        programs[f"new {name}"] = (untrained(config, g), looked)
        for depth in config.depths:
            title = f"{name}, {depth} layers"
            labels[title] = {"kind": "plain", "activation": name, "depth": str(depth)}
            programs[title] = (plain(config, depth, g), trained)
    categories = {"scheme": list(SCHEMES), "branches": BRANCHES}
    return sweep.plan(programs, data, seeds=config.seeds, labels=labels, categories=categories)


def changed(task: Task, change: Callable[[PyTree, Batch], PyTree], where: Array) -> Task:
    """The task with its first params changed, where a truth value that may be traced says so."""

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        params, state = task.init(key, batch)
        new = change(params, batch)
        return jax.tree.map(lambda new, old: jnp.where(where, new, old), new, params), state

    return task._replace(init=init)


def begun(config: Config, scheme: Array, depth: int, activation: Activation) -> Task:
    """Classification by an MLP, whose layers are drawn in one loop: fewer to compile."""
    task, width = tasks.classification(MLP((config.width,) * depth, 10, activation)), config.width
    draw = initializers.switch(scheme, tuple(SCHEMES.values()))

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        inputs, outputs, *hidden = jax.random.split(key, depth + 1)
        first, last = draw(inputs, (batch["x"][0].size, width)), draw(outputs, (width, 10))
        others = jax.lax.map(lambda key: draw(key, (width, width)), jnp.stack(hidden))
        return {
            f"Dense_{number}": {"kernel": kernel, "bias": jnp.zeros(kernel.shape[1])}
            for number, kernel in enumerate([first, *others, last])
        }, {}

    def divided(params: PyTree, batch: Batch) -> PyTree:
        return initializers.lsuv(task, params, {}, batch, jax.random.key(0))  # nothing is dropped

    lsuv = scheme == list(SCHEMES).index("lsuv")
    return changed(task._replace(init=init), divided, lsuv)


def untrained(config: Config, activation: Activation) -> sweep.Run:
    """The deepest network as it begins, looked at on digits that LSUV has not seen."""

    def task_of(hparams: PyTree) -> Task:
        return begun(config, hparams["scheme"], max(config.depths), activation)

    def draw(hparams: PyTree, key: Array, data: sweep.Data) -> PyTree:
        batch = {name: array[:LOOKED_AT] for name, array in data["train"].items()}
        return task_of(hparams).init(key, batch)[0]

    def flat(z: Array) -> Array:
        return jnp.abs(jax.jvp(activation, (z,), (jnp.ones_like(z),))[1]) < 0.1

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        batch = {name: array[LOOKED_AT : 2 * LOOKED_AT] for name, array in data["train"].items()}
        flow = diagnostics.gradient_flow(
            task_of(hparams), state.params, {}, batch, state.key,
            off=lambda z: activation(z) == 0, saturated=flat,
        )  # fmt: skip
        layers = [row for path, row in flow.items() if path.startswith("Dense")]
        return sweep.numbered({name: jnp.stack([row[name] for row in layers]) for name in FLOW})

    return sweep.without_training(evaluate, draw)


def plain(config: Config, depth: int, activation: Activation) -> sweep.Run:
    """Training of an MLP."""

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        task = begun(config, hparams["scheme"], depth, activation)
        return task, adam(hparams["learning_rate"])

    return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)


def residual(config: Config) -> sweep.Run:
    """Training of a residual network without norms, about as deep as the deepest MLP."""
    blocks = max(config.depths) // 2
    model = ResNet((CHANNELS,), blocks, 10, norm=None, kernel_init=initializers.he_normal)

    def fixed(params: PyTree, batch: Batch) -> PyTree:
        inner, last = "stage_.*Conv_0/kernel", "stage_.*Conv_1/kernel|Dense_0/kernel"
        return initializers.fixup(params, inner=inner, last=last, blocks=blocks, layers=2)

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        fixup = hparams["branches"] == BRANCHES.index("fixup")
        task = changed(tasks.classification(model), fixed, fixup)
        return task, momentum(hparams["learning_rate"])

    return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """What goes through new networks, and accuracies at the chosen rates."""
    frame = results.frame()
    new = frame[frame["kind"] == "new"]
    flows = pd.wide_to_long(new, FLOW, ["activation", "scheme", "seed"], "layer", sep="_")
    flows = flows.sort_index()
    lost = frame["status"].eq("diverged") & frame["kind"].ne("new")
    frame.loc[lost, ["validation_accuracy", SCORE]], frame.loc[lost, "status"] = CHANCE, "ok"
    by = ("activation", "depth", "scheme")
    tuned = stats.tune(frame[frame["kind"] == "plain"], by, "learning_rate")
    fixed = stats.tune(frame[frame["kind"] == "residual"], "branches", "learning_rate")
    columns = {
        f"{depth} layers": {
            f"{name}, {scheme}": tuned.interval(SCORE, (name, str(depth), scheme))
            for name in config.activations
            for scheme in SCHEMES
        }
        for depth in config.depths
    }
    caption = "95 % intervals over seeds; trials that diverged count as guessing, 10 %."
    trained = report.interval_map(
        columns, title="Which plain networks train", label="test accuracy (%)", caption=caption
    )
    sections = [
        Section("Before training", [flow(config, name, flows) for name in config.activations]),
        Section("After training", [trained, report.tuned_table(tuned, SCORE)]),
        Section("Without normalization", [report.tuned_table(fixed, SCORE, "he_normal")]),
    ]
    claims = [*of_signals(config, flows), *of_training(config, tuned, fixed)]
    return launch.Conclusion(claims, sections)


def log_moment(flows: pd.DataFrame, of: str) -> pd.DataFrame:
    """log2 of a second moment, a row a network and a column a layer."""
    return np.log2(flows[f"{of}_mean"] ** 2 + flows[f"{of}_std"] ** 2).unstack("layer")


def of_signals(config: Config, flows: pd.DataFrame) -> Iterator[Judged]:
    """The claims about networks that are not trained."""
    depth = max(config.depths)
    for claim, of, sign in ((FORWARD, "output", 1), (BACKWARD, "backward", -1)):
        sizes = log_moment(flows, of)
        change = sign * (sizes[depth] - sizes[1]) / (depth - 1)
        for scheme, expected in KEPT.items() if "relu" in config.activations else ():
            found = stats.mean_interval(change["relu", scheme] - expected)
            yield claim.judge(stats.magnitude(found), f"{scheme}, {depth} layers")
    furthest = (2 * np.log2(flows["output_std"])).abs().unstack("layer").max(axis=1, skipna=False)
    for name in config.activations:
        yield UNIT.judge(stats.mean_interval(furthest[name, "lsuv"]), f"{name}, {depth} layers")


def of_training(config: Config, tuned: stats.Tuned, fixed: stats.Tuned) -> Iterator[Judged]:
    """The claims about accuracy, of the deepest networks."""
    depth = str(max(config.depths))
    pairs = ((HE_TRAINS, "he_normal", "xavier_normal"), (LSUV_TRAINS, "lsuv", "orthogonal"))
    for claim, ours, other in pairs if "relu" in config.activations else ():
        gain = tuned.gain(SCORE, ("relu", depth, ours), ("relu", depth, other))
        yield claim.judge(gain, f"relu, {depth} layers")
    yield FIXUP.judge(fixed.interval(SCORE, "fixup"))
    yield FIXUP_GAINS.judge(fixed.gain(SCORE, "fixup", "he_normal"))


def flow(config: Config, activation: str, flows: pd.DataFrame) -> Picture:
    """Of each scheme what goes forward and back, beside what theory says of wide ReLU networks."""
    depth = max(config.depths)
    hidden = flows.loc[activation].query("layer <= @depth")
    steps = pd.Series(range(depth), pd.RangeIndex(1, depth + 1))
    expected = {}
    for scheme, change in KEPT.items() if activation == "relu" else ():
        sizes = {of: log_moment(hidden.loc[[scheme]], of).mean() for of in OF}
        forward = sizes["output"][1] + change * steps
        back = sizes["backward"][depth] + change * steps[::-1].to_numpy()
        std = {"output_std": 2 ** (forward / 2), "backward_std": 2 ** (back / 2)}
        theory = pd.DataFrame(std | {"output_mean": 0.0, "backward_mean": 0.0}, index=steps.index)
        expected[f"{scheme}, wide layers"] = theory
    shown = {scheme: hidden.loc[scheme].droplevel("seed")[FLOW] for scheme in SCHEMES}
    title = f"Before training, {activation}: what goes through {depth} hidden layers"
    return report.gradient_flow(shown, expected=expected, title=title)


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
