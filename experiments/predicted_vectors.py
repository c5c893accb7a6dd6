"""Is the vector of the next word a better target than its probability?

Documentation in words: of the four words before, a network tells the next one. Its last layer gives
a probability of each word (softmax), or a vector, of which the nearest word is taken: by the cosine
or by the squared distance to word vectors of skip-gram on the training text, which stay as they
are. Right is a word that is the next one, on documents held out. The rate is chosen on validation;
a seed moves initialization and batches, and is shared by the targets.

    # 2 minutes on 2 cores
    python -m experiments.predicted_vectors --workdir=runs/predicted_vectors
"""

import numpy as np

from experiments import ngram_vs_neural
from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import splits
from jaxdl.launch import setting
from jaxdl.models import WindowNetwork
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Section
from jaxdl.word_vectors import training

CLAIMS = (BETTER,) = (
    Claim("E12", "a softmax is more accurate than the word nearest to a predicted vector",
          "paired difference in test accuracy", above=0.02, unit="points"),
)  # fmt: skip
SOFTMAX, BEFORE = "softmax", 4
TARGETS = (SOFTMAX, "cosine", "squared")


class Config(launch.Config):
    """The text, the network, and the vectors."""

    steps: int = setting(1200, "Training steps of each trial.", low=1)
    seeds: int = setting(5, "Seeds of each setting.", low=2)
    batch_size: int = setting(128, "Words predicted in a step.", low=1)
    vocabulary: int = setting(2000, "Words, the special ones among them.", low=10)
    words: int = setting(200_000, "Words of documentation to use.", low=10_000)
    features: int = setting(32, "Numbers in a word's vector where it is read.", low=1)
    hidden: int = setting(128, "Units of the hidden layer.", low=1)
    dimensions: int = setting(64, "Numbers in the vectors that are predicted.", low=1)
    epochs: int = setting(10, "Times that skip-gram goes through the text.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2, 3e-2)


def load(config: Config) -> tuple[dict[str, dict[str, np.ndarray]], int]:
    """Windows of each part with the word behind them, and how many words there are."""
    text = ngram_vs_neural.Config(
        orders=(BEFORE + 1,), vocabulary=config.vocabulary, words=config.words
    )
    parts, size = ngram_vs_neural.windows(text)
    columns = {name: rows.astype(np.int32) for name, rows in parts.items()}
    return {name: {"x": rows[:, :-1], "y": rows[:, -1]} for name, rows in columns.items()}, size


def plan(config: Config) -> sweep.Plan:
    """One program per target; rate and seed are numbers inside it."""
    arrays, size = load(config)
    table = training.skip_gram_vectors(
        [arrays["train"]["y"]], size, config.dimensions, epochs=config.epochs
    )
    table = table / table.std()

    def run(target: str) -> sweep.Run:
        outputs = size if target == SOFTMAX else config.dimensions
        model = WindowNetwork(size, config.features, config.hidden, outputs)
        task = (
            tasks.classification(model)
            if target == SOFTMAX
            else tasks.nearest_word(model, table, target)
        )
        build = sweep.by_rate(task, adam, schedules.cosine(config.steps))
        return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    points = sweep.grid(learning_rate=config.learning_rates)
    programs = {target: (run(target), points) for target in TARGETS}
    data = splits.in_batches(arrays, 512)
    return sweep.plan(programs, data, seeds=config.seeds, column="target")


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Words that are right on test, paired over seeds, at the rates that other seeds chose."""
    frame = results.frame()
    tuned = stats.tune(frame, "target", "learning_rate")
    gains = {
        f"{target} distance": tuned.gain("test_accuracy", SOFTMAX, target) for target in TARGETS[1:]
    }
    arrays, _ = load(config)
    common = np.bincount(arrays["train"]["y"]).argmax()
    share = float((arrays["test"]["y"] == common).mean())
    table = report.tuned_table(tuned, "test_accuracy", against=SOFTMAX)
    always = f"The most frequent word is right in {report.percent(share)} % of the places."
    curves = report.along(
        frame, "learning_rate", "test_accuracy", line="target",
        title="Words rightly told", y_label="test accuracy (%)",
    )  # fmt: skip
    return launch.Conclusion(
        BETTER.judge_each(gains), [Section("By target", (table, always, *curves))]
    )


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
