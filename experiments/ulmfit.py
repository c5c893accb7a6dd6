"""Is a language model worth its training where labels are few, and which of ULMFiT's tricks pays?

In which part of a docstring does a sentence stand: the six classes of `text_cnn`, with 100 or 1000
labels. An LSTM of three layers learns the docstrings without such parts as a language model,
then, without labels, the sentences of the task; its layers become the classifier's. Against it: the
same classifier from scratch, by the same triangular rate. With 100 labels each trick is left out in
turn: a lower rate for lower layers, the slanted triangular rate (instead: a constant one), one more
layer every tenth of the steps, the largest and the mean state beside the last one, the stage on the
task's text. The language model is of one seed; a seed moves the labelled sentences, the head and
the batches; the rate is chosen on validation in each cell. After runs of two seeds the first
threshold was lowered from 0.05 to 0.02, and the numbers of labels and steps were set.

    python -m experiments.ulmfit --workdir=runs/ulmfit  # 5 minutes on 2 cores
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike

from experiments import _costs, text_cnn
from jaxdl import launch, models, optimizers, report, stats, sweep, tasks, train
from jaxdl.data.sources import documents, markup
from jaxdl.data.sources.sections import SECTIONS
from jaxdl.data.text import streams, vocabulary
from jaxdl.launch import setting
from jaxdl.models import AWDLSTM, ULMFiT, ULMFiTClassifier
from jaxdl.optimizers import scale_by_adam, schedules
from jaxdl.report import Claim, Picture, Section
from jaxdl.types import Array, PyTree, Task, TrainState

CLAIMS = BEATS, PAYS = (
    Claim("T7", "with 100 labels, ULMFiT is better than the same network from scratch",
          "paired difference in test accuracy, ULMFiT minus from scratch",
          above=0.02, unit="points"),
    Claim("T7", "with 100 labels, ULMFiT is better than without one of its tricks",
          "paired difference in test accuracy, ULMFiT minus without",
          above=0.01, unit="points"),
)  # fmt: skip


class Recipe(NamedTuple):
    """begin: 0 from scratch, 1 with the general text, 2 with the task's text too. decay: from a
    layer's rate to that of the one below. triangle: whether the rate is slanted triangular. every:
    share of the steps after which one more layer joins in. pooled: factor of the largest and the
    mean state."""

    begin: float = 2
    decay: float = 1 / 2.6
    triangle: float = 1
    every: float = 0.1
    pooled: float = 1


LABELS, BATCH, WINDOW = (100, 1000), 32, 32
SCRATCH, FULL = "from scratch", "ULMFiT"
ARMS = {
    SCRATCH: Recipe(begin=0, decay=1, every=0),
    FULL: Recipe(),
    "one rate for all layers": Recipe(decay=1),
    "a constant rate": Recipe(triangle=0),
    "all layers at once": Recipe(every=0),
    "the last state alone": Recipe(pooled=0),
    "no middle stage": Recipe(begin=1),
}


class Config(launch.Config):
    """The language model and its texts, and the training with labels."""

    steps: int = setting(150, "Training steps of each trial.", low=1)
    seeds: int = setting(10, "Seeds of each setting.", low=2)
    documents: int = setting(25000, "Docstrings to take, of all splits.", low=500)
    vocabulary: int = setting(3000, "Words that are known.", low=10)
    features: int = setting(48, "Numbers that a word is embedded in.", low=1)
    hidden: int = setting(64, "Units of the first two layers.", low=1)
    dropout: float = setting(0.25, "Share of the paper's dropout rates.", low=0, high=1)
    general_steps: int = setting(800, "Training steps on general text.", low=1)
    task_steps: int = setting(300, "Training steps on the task's text.", low=1)
    streams: int = setting(64, "Windows in a step of the language model.", low=1)
    language_rate: float = setting(1e-2, "Peak rate of Adam for the language model.", low=1e-12)
    learning_rates: tuple[float, ...] = setting(
        (3e-3, 1e-2, 3e-2), "Peak rates of Adam with labels.", low=1e-12
    )


def load(config: Config) -> tuple[sweep.Data, list[np.ndarray], int]:
    """The labelled data as a run takes it; ids of the general text and of the task's; words."""
    data, known = text_cnn.load(text_cnn.Config(documents=config.documents))
    size = min(len(known), config.vocabulary)

    def rare(ids: np.ndarray) -> np.ndarray:
        return np.where(ids < size, ids, vocabulary.UNKNOWN).astype(np.int32)

    data = {name: {**part, "x": rare(part["x"])} for name, part in data.items()}
    found = documents.sample(documents.docstrings(), config.documents, np.random.default_rng(0))
    general = [markup.words(markup.plain(text)[0]) for text in found if "\n---" not in text]
    labelled = [row[row > 0] for row in data["train"]["x"]]
    texts = (
        [vocabulary.encode(known, words) for words in general],
        documents.sample(labelled, len(labelled), np.random.default_rng(0)),
    )
    end = np.array([vocabulary.END])
    joined = [np.concatenate([part for ids in text for part in (ids, end)]) for text in texts]
    return data, [rare(ids) for ids in joined], size


def encoder(config: Config, size: int) -> AWDLSTM:
    """The layers that go from stage to stage."""
    drops = models.Drops(*(config.dropout * rate for rate in models.Drops()))
    return AWDLSTM(size, config.features, config.hidden, drops=drops)


def language_models(config: Config, texts: Sequence[np.ndarray], size: int) -> PyTree:
    """The encoder's parameters after the general text and after the task's, `[2, ...]` each."""
    network = encoder(config, size)
    task = tasks.language_model(ULMFiT(network))
    layers = ULMFiTClassifier(network, len(SECTIONS)).groups[1:]
    stages: tuple[tuple[int, Callable[[int], schedules.Shape], float], ...] = (
        (config.general_steps, schedules.cosine, 1.0),
        (config.task_steps, schedules.slanted_triangular, ARMS[FULL].decay),
    )
    found: list[PyTree] = [{}]
    for ids, (steps, shape, decay) in zip(texts, stages, strict=True):
        tx = optimizer(schedules.scaled(config.language_rate, shape(steps)), layers, decay, 0)
        found.append(learned(task, tx, found[-1], ids, steps=steps, batch_size=config.streams))
    return jax.tree.map(lambda *stages: np.stack(stages), *(part["encoder"] for part in found[1:]))


def learned(
    task: Task, tx: optax.GradientTransformation, first: PyTree, ids: np.ndarray, **options: int
) -> PyTree:
    """Parameters of a language model that goes on from the `first` ones, if any, with a text."""
    windows = streams.streams(ids, len(ids) // (WINDOW + 1))

    @jax.jit
    def fit(key: Array, first: PyTree, arrays: PyTree) -> PyTree:
        begun = task._replace(init=lambda *_: (first, {})) if first else task
        return train.fit_scan(begun, tx, key, arrays, **options).params

    return fit(jax.random.key(0), first, {"x": windows[:, :-1], "y": windows[:, 1:]})


def optimizer(
    rate: schedules.Shape, layers: Sequence[str], decay: ArrayLike, every: ArrayLike
) -> optax.GradientTransformation:
    """Adam with rates by layer, from the top down, which join in one after the other."""
    return optax.chain(
        optimizers.clip_by_global_norm(1.0),
        optimizers.unfreeze_gradually(scale_by_adam(), layers, every),
        optimizers.scale_by_path(optimizers.by_depth(layers, decay)),
        optax.scale_by_learning_rate(rate),
    )


def pooling(factor: Array) -> models.Summary:
    """Concat pooling of which all but the last state is multiplied."""

    def summary(carry: PyTree, outputs: Array, mask: Array) -> Array:
        last = models.last_state(carry, outputs, mask)
        others = models.max_state(carry, outputs, mask), models.mean_state(carry, outputs, mask)
        return jnp.concatenate([last, *(factor * other for other in others)], axis=-1)

    return summary


def plan(config: Config) -> sweep.Plan:
    """One program: the arm, the number of labels and the rate are numbers inside it."""
    data, texts, size = load(config)
    network = encoder(config, size)
    recipes = jax.tree.map(lambda *numbers: jnp.array(numbers, float), *ARMS.values())
    shapes = schedules.constant(), schedules.slanted_triangular(config.steps)

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        recipe = jax.tree.map(lambda numbers: numbers[hparams["arm"]], recipes)
        model = ULMFiTClassifier(network, len(SECTIONS), summary=pooling(recipe.pooled))
        shape = schedules.switch(recipe.triangle.astype(int), shapes)
        rate = schedules.scaled(hparams["learning_rate"], shape)
        every = jnp.ceil(recipe.every * config.steps)
        return tasks.classification(model), optimizer(rate, model.groups, recipe.decay, every)

    run = sweep.make_run(build, steps=config.steps, batch_size=BATCH)

    def init(hparams: PyTree, key: Array, data: sweep.Data) -> TrainState:
        state, begin = run.init(hparams, key, data), recipes.begin[hparams["arm"]].astype(int)
        own = state.params["encoder"]
        known = jax.tree.map(lambda given: given[jnp.maximum(begin - 1, 0)], data["encoders"])
        begun = optax.tree.where(begin > 0, known, own)
        return state._replace(params={**state.params, "encoder": begun})

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        parts = {name: part for name, part in data.items() if name != "encoders"}
        return run.evaluate(hparams, state, parts)

    rates = {"learning_rate": config.learning_rates}
    points = sweep.grid(labels=LABELS, arm=(SCRATCH, FULL), **rates)
    points += sweep.grid(labels=LABELS[:1], arm=list(ARMS)[2:], **rates)
    return sweep.plan(
        {"ulmfit": (sweep.few_labels(sweep.Run(init, run.advance, evaluate)), points)},
        {**data, "encoders": language_models(config, texts, size)},
        seeds=config.seeds,
        categories={"arm": list(ARMS)},
    )


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracy on test by arm and number of labels, at the rates that other seeds chose."""
    frame = results.frame()
    frame = frame.assign(task="sections of docstrings", labels=frame["labels"].astype(int))
    tuned = stats.tune(frame, ("labels", "arm"), "learning_rate")
    few = LABELS[0]

    def gain(baseline: str) -> stats.Interval:
        return tuned.gain("test_accuracy", (few, FULL), (few, baseline))

    without = PAYS.judge_each({name: gain(name) for name in list(ARMS)[2:]})
    shown = tuned.trials[tuned.trials["arm"].isin([SCRATCH, FULL])].sort_values("labels")
    figure = report.training_curves(
        shown.assign(test_accuracy=100 * shown["test_accuracy"]),
        x="labels",
        y="test_accuracy",
        panel="task",
        line="arm",
        x_label="labelled sentences",
        y_label="test accuracy (%)",
        y_scale="linear",
        title="What a language model is worth",
    )
    tricks = report.intervals(without, list(ARMS)[2:], title="What each trick adds")
    blocks = (
        Picture("labels", figure, "Test accuracy by labels"),
        Picture("tricks", tricks, f"ULMFiT minus each of these, with {few} labels"),
        report.tuned_table(tuned, "test_accuracy", against=SCRATCH),
    )
    claims = [BEATS.judge(gain(SCRATCH)), *without]
    costly = Section("What it costs", (costs(config, plan),))
    return launch.Conclusion(claims, [Section("Accuracy by labels and recipe", blocks), costly])


def costs(config: Config, plan: sweep.Plan) -> report.Table:
    """Operations and joules of both stages without labels, once, and of a trial with labels."""
    network = encoder(config, plan.data["encoders"]["embedding"].shape[1])
    windows = np.ones((config.streams, WINDOW), np.int32)
    texts = {"x": windows, "y": windows}
    rows = {name: array[:BATCH] for name, array in plan.data["train"].items()}
    read = tasks.language_model(ULMFiT(network))
    classified = tasks.classification(ULMFiTClassifier(network, len(SECTIONS)))
    phases = {
        "general text": _costs.Phase(read, texts, config.general_steps),
        "the task's text": _costs.Phase(read, texts, config.task_steps),
        "labels": _costs.Phase(classified, rows, config.steps),
    }
    return _costs.table(phases, note="Labels: of one trial, in all arms alike.")


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
