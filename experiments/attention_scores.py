"""What attention needs to be trained: scores divided by √d, and several heads.

Scores of queries and keys whose d numbers have variance 1 have variance d, and a softmax of large
scores has hardly a gradient (Vaswani et al. 2017, section 3.2.1). Measured on drawn queries and
keys: the norm of the gradient, by the scores, of the weights along a drawn direction, for each
query. Its median is judged: the mean of the squares falls little, since a few queries whose softmax
is undecided keep all of theirs. Then trained: a dictionary of 16 keys and values is asked for the
value of a key, with and without the scale; and for the values of two keys at once, by one to four
heads that share one width, behind them a hidden layer that could take apart what a single head has
mixed. A seed moves what is drawn, initialization and batches; rates are chosen on validation, from
a grid that was extended downwards after a look at one seed.

    python -m experiments.attention_scores --workdir=runs/attention_scores  # 2 minutes on 2 cores
"""

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from jax.typing import ArrayLike

from jaxdl import keys, launch, losses, metrics, report, stats, sweep, tasks
from jaxdl.data import splits
from jaxdl.launch import setting
from jaxdl.layers.embedding import Embedding
from jaxdl.layers.rows import by_rows
from jaxdl.ops.attention import attention_weights, dot_product_attention
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Picture, Section
from jaxdl.types import Array, Batch, Metrics, PyTree, Task, TrainState

DECADES = "log10 of the median gradient over queries"
RIGHT = "difference in the share of values right on test"
CLAIMS = SATURATES, LEVEL, TRAINS, HEADS = (
    Claim("T1", "without the scale less than a tenth of the gradient is left at large d",
          f"{DECADES}, without minus with the scale", below=-1.0, unit="decades"),
    Claim("T1", "with the scale the gradient does not depend on d",
          f"distance from 0 of: {DECADES}, largest minus smallest d", below=0.1, unit="decades"),
    Claim("T1", "at large d a dictionary is learned better with the scale",
          f"{RIGHT}, with minus without", above=0.05, unit="points"),
    Claim("T1", "several heads look up two keys better than one head of equal width",
          f"{RIGHT}, several heads minus one", above=0.1, unit="points"),
)  # fmt: skip
KEYS, VALUES, PAIRS, EMBEDDED = 32, 16, 16, 32
EXAMPLES = {"train": 16384, "validation": 1000, "test": 1000}
SCALES = {1.0: "", 0.0: ", no scale"}


class Config(launch.Config):
    """How wide queries and keys are, how many heads there are, and what is searched."""

    steps: int = setting(600, "Training steps of each trial.", low=1)
    seeds: int = setting(5, "Seeds of each setting.", low=1)
    batch_size: int = setting(32, "Dictionaries in a step.", low=1)
    widths: tuple[int, ...] = setting(
        (16, 32, 64, 128, 256, 512), "d, ascending; the first and the last are trained.", low=1
    )
    heads: tuple[int, ...] = setting(
        (2, 4), "Heads instead of one of a width of 64.", choices=(2, 4, 8, 16)
    )
    learning_rates: tuple[float, ...] = launch.rates(3e-4, 1e-3, 3e-3, 1e-2)


class Lookup(nn.Module):
    """Logits `[B, A, VALUES]` of the values of A keys, by one query to a dictionary.

    x `[B, 2 · PAIRS + A]`: its keys, their values, the keys asked for. width: of all heads
    together. factor: on the queries, may be traced; √d takes the scale away.
    """

    asked: int
    width: int
    heads: int = 1
    factor: ArrayLike = 1.0

    @nn.compact
    def __call__(self, x: Array) -> Array:
        of_keys, of_values = Embedding(KEYS, EMBEDDED), Embedding(VALUES, EMBEDDED)
        stored, told, asked = jnp.split(x, [PAIRS, 2 * PAIRS], axis=1)

        def projected(name: str, x: Array) -> Array:
            y = by_rows(nn.Dense(self.width, name=name), x)
            return y.reshape(*y.shape[:2], self.heads, -1)

        question = of_keys(asked).reshape(len(x), 1, -1)
        q = projected("query", question) * self.factor
        read = dot_product_attention(
            q, projected("key", of_keys(stored)), projected("value", of_values(told))
        )
        hidden = nn.relu(nn.Dense(2 * VALUES * self.asked)(read.reshape(len(x), -1)))
        return nn.Dense(VALUES * self.asked)(hidden).reshape(len(x), self.asked, VALUES)


def plan(config: Config) -> sweep.Plan:
    """A program that draws scores, and one a width or number of heads that is trained."""
    rng = np.random.default_rng(0)
    data = splits.in_batches({name: dictionaries(rng, n) for name, n in EXAMPLES.items()})
    cases = {f"d = {width}": (1, width, 1) for width in (config.widths[0], config.widths[-1])}
    cases |= {f"heads = {heads}": (2, 64, heads) for heads in (1, *config.heads)}
    points = sweep.grid(scale=SCALES, learning_rate=config.learning_rates)
    return sweep.plan(
        {"new": (sweep.without_training(gradients_by(config.widths)), [{}])}
        | {name: (trained(config, *case), points) for name, case in cases.items()},
        data,
        seeds=config.seeds,
        labels={name: {"keys": str(asked)} for name, (asked, _, _) in cases.items()},
    )


def dictionaries(rng: np.random.Generator, count: int) -> Batch:
    """x `[N, 2 · PAIRS]`, different keys and any values. The order says nothing to attention."""
    stored = rng.permuted(np.tile(np.arange(KEYS), (count, 1)), axis=1)[:, :PAIRS]
    told = rng.integers(VALUES, size=(count, PAIRS))
    return {"x": np.concatenate([stored, told], axis=1).astype(np.int32)}


def trained(config: Config, asked: int, width: int, heads: int) -> sweep.Run:
    """Training of a lookup that is asked for the values of so many keys of each dictionary."""

    def question(batch: Batch) -> Batch:
        x = batch["x"]
        y = x[:, PAIRS : PAIRS + asked]
        return {**batch, "x": jnp.concatenate([x, x[:, :asked]], axis=1), "y": y}

    def measure(logits: Array, y: Array, weights: Array) -> Metrics:
        return {"accuracy": metrics.accuracy(logits, y, weights[:, None].repeat(asked, axis=1))}

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(config.steps))
        factor = (width / heads) ** ((1 - hparams["scale"]) / 2)
        model = Lookup(asked, width, heads, factor)
        task = tasks.supervised(model, losses.softmax_cross_entropy, measure)
        return tasks.on(question, task), adam(rate)

    return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)


def gradients_by(widths: tuple[int, ...]) -> Callable[..., dict[str, Array]]:
    """An evaluation: the gradients that new scores let through, with and without scale."""

    def drawn(key: Array, width: int, factor: float) -> dict[str, Array]:
        of_scores, *of_vectors = jax.random.split(key, 3)
        q, k = (jax.random.normal(each, (1, 64, 1, width)) for each in of_vectors)
        along = jax.random.normal(of_scores, (1, 1, 64, 64))

        def read(bias: Array) -> Array:
            return (along * attention_weights(factor * q, k, bias=bias)).sum()

        norms = jnp.linalg.norm(jax.grad(read)(jnp.zeros_like(along)), axis=-1)
        return {"median": jnp.median(norms), "rms": jnp.sqrt((norms**2).mean())}

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        key = keys.named(state.key, "scores")
        return {
            f"{size}_{name}_{width}": value
            for width in widths
            for name, factor in (("with", 1.0), ("without", math.sqrt(width)))
            for size, value in drawn(key, width, factor).items()
        }

    return evaluate


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Gradients in decades, accuracies at the rates that validation chose; paired over seeds."""
    frame = results.frame()
    is_new = frame["program"] == "new"
    new, looked_up = frame[is_new], frame[~is_new].reset_index(drop=True)
    looked_up["model"] = looked_up["program"] + looked_up["scale"].map(SCALES)
    tuned = stats.tune(looked_up, ("keys", "model"), "learning_rate")
    one, two = tuned.groups("keys").values()
    least, most = config.widths[0], config.widths[-1]

    def decades(scale: str, width: int) -> pd.Series:
        return np.log10(new[f"median_{scale}_{width}"].astype(float))

    lost = stats.paired_interval(decades("without", most), decades("with", most))
    drift = stats.paired_interval(decades("with", most), decades("with", least))
    gain = one.gain("test_accuracy", f"d = {most}", f"d = {most}, no scale")
    several = [f"heads = {heads}" for heads in config.heads]
    claims = [
        SATURATES.judge(lost, f"d = {most}"),
        LEVEL.judge(stats.magnitude(drift), f"d = {least} and {most}"),
        TRAINS.judge(gain, f"d = {most}"),
        *HEADS.judge_each({n: two.gain("test_accuracy", n, "heads = 1") for n in several}),
    ]
    section = Section("Dictionaries, by the keys asked for", (
        report.tuned_table(tuned, "test_accuracy"), *report.tuned_curves(results, tuned)
    ))  # fmt: skip
    return launch.Conclusion(claims, [Section("New scores", (picture(new),)), section])


def picture(new: pd.DataFrame) -> Picture:
    """The gradient of a query by d: of the middle one, and the root of the mean square of all."""
    names = [name for name in new if name.startswith(("median_", "rms_"))]
    table = new.melt("seed", names, value_name="gradient")
    table[["over queries", "scale", "d"]] = table["variable"].str.split("_", expand=True)
    table["decades"] = np.log10(table["gradient"].astype(float))
    return report.profile(
        table.astype({"d": int}), "d", "decades", panel="over queries", line="scale", x_scale="log",
        title="Gradient through the softmax of new scores, with and without the scale",
        x_label="d (log scale)", y_label="log10 of the norm (decades)",
    )  # fmt: skip


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
