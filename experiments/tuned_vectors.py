"""Do word vectors that were tuned on a task fit that task only?

Two tasks on docstrings: of which of eight packages is one (1000 of them), and in which section does
a sentence stand (1000 of those). Vectors of skip-gram on docstrings without labels, which hold some
of the second task's sentences, are taken as they are, or tuned beforehand on the task's own labels
or on those of the other task, with a linear layer on the mean of the vectors; then they are frozen,
and a new linear layer is trained. A seed moves the initialization and the batches of both
trainings; the rate of the second is chosen on validation.

    python -m experiments.tuned_vectors --workdir=runs/tuned_vectors  # 2 minutes on 2 cores
"""

import numpy as np

from experiments import pretrained_embeddings, text_cnn
from jaxdl import keys, launch, report, stats, sweep, tasks
from jaxdl.data import splits
from jaxdl.data.sources import documents
from jaxdl.launch import setting
from jaxdl.layers.embedding import Embedding, FrozenEmbedding
from jaxdl.models import Bag, TextClassifier
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree, TrainState

CLAIMS = OF_ANOTHER, OF_ITS_OWN = (
    Claim("E2", "vectors tuned on another task are worse than vectors not tuned",
          "paired difference in test accuracy", below=-0.01, unit="points"),
    Claim("E2", "vectors tuned on the same task are better than vectors not tuned",
          "paired difference in test accuracy", above=0.01, unit="points"),
)  # fmt: skip
NOT, OWN, OTHER = "not tuned", "tuned on this task", "tuned on the other"
TASKS = {"package": 8, "section": len(text_cnn.SECTIONS)}
"""The tasks, and their classes."""
LABELS, BATCH = 1000, 50


class Config(pretrained_embeddings.Texts):
    """The vectors, how they are tuned, and the training on them."""

    steps: int = setting(300, "Training steps of each trial.", low=1)
    seeds: int = setting(40, "Seeds of each setting.", low=2)
    documents: int = setting(25000, "Docstrings whose sentences to take, of all splits.", low=500)
    tuning_steps: int = setting(300, "Steps in which vectors are tuned.", low=1)
    tuning_rate: float = setting(1e-2, "Rate of Adam in these.", low=1e-12)


def plan(config: Config) -> sweep.Plan:
    """A program for each task and each way to have vectors; rate and seed are numbers inside it."""
    packages, sentences, known = pretrained_embeddings.load(config)
    placed, rng = text_cnn.placed(config.documents), np.random.default_rng(0)
    placed["train"] = documents.sample(placed["train"], LABELS, rng)
    sections = {name: text_cnn.encoded(part, known) for name, part in placed.items()}
    data = {
        "package": splits.in_batches(packages, 300),
        "section": splits.in_batches(sections, 300),
    }
    ready = pretrained_embeddings.vectors(config, sentences, len(known))

    def on(task: str, table: type[Embedding] | type[FrozenEmbedding], steps: int) -> sweep.Run:
        words = table(len(known), config.dimensions, ready)
        model = TextClassifier(words, Bag(), TASKS[task])
        build = sweep.by_rate(tasks.classification(model), adam)
        return sweep.make_run(build, steps=steps, batch_size=BATCH)

    points = sweep.grid(learning_rate=config.learning_rates)
    programs, labels = {}, {}
    for task in TASKS:
        (other,) = TASKS.keys() - {task}
        for name, tuned_on in ((NOT, None), (OWN, task), (OTHER, other)):
            run = sweep.on_part(task, on(task, FrozenEmbedding, config.steps))
            if tuned_on:
                first = sweep.on_part(tuned_on, on(tuned_on, Embedding, config.tuning_steps))
                run = tuned_before(config.tuning_rate, first, run)
            programs[f"{task}, {name}"] = run, points
            labels[f"{task}, {name}"] = {"task": task, "vectors": name}
    return sweep.plan(programs, data, seeds=config.seeds, labels=labels)


def tuned_before(rate: float, first: sweep.Run, run: sweep.Run) -> sweep.Run:
    """The run on the table that `first` has tuned at a rate, frozen."""

    def init(hparams: PyTree, key: Array, data: sweep.Data) -> TrainState:
        own = {"learning_rate": rate}
        state, _ = first.advance(own, first.init(own, keys.named(key, "tuning"), data), data)
        frozen = {"frozen": {"embedding": state.params["embedding"]}}
        return run.init(hparams, key, data)._replace(model_state=frozen)

    return run._replace(init=init)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracy by task and vectors, at the rates that other seeds chose."""
    tuned = stats.tune(results.frame(), ("task", "vectors"), "learning_rate")
    gains = {
        name: {
            f"task {task}": tuned.gain("test_accuracy", (task, name), (task, NOT)) for task in TASKS
        }
        for name in (OTHER, OWN)
    }
    claims = [*OF_ANOTHER.judge_each(gains[OTHER]), *OF_ITS_OWN.judge_each(gains[OWN])]
    names = [f"{way}, {task}" for way, of_task in gains.items() for task in of_task]
    figure = report.intervals(claims, names, title="What tuned vectors gain, frozen")
    table = report.tuned_table(tuned, "test_accuracy", against=NOT)
    return launch.Conclusion(
        claims, [Section("By task and vectors", (report.picture(figure), table))]
    )


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
