"""Does a tagger of two directions need more data than one that reads forwards?

The sentences, networks and markup of `tagging`, which has all of its sentences; here 50, 200, 800
or 3200 of them, which the seed draws. Two directions of an LSTM against a forward one of equally
many weights, both with features of characters. Accuracy of words, and F1 of spans, on held-out
documents; the rate is chosen by validation loss, by network and number of sentences.

    python -m experiments.few_sentences --workdir=runs/few_sentences  # 3 minutes on 2 cores
"""

from experiments import tagging
from experiments.tagging import BEST, FORWARD
from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.launch import setting
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Section

CLAIMS = NO_BETTER, GROWS = (
    Claim("S2", "on the fewest sentences two directions are no better than one",
          "paired difference in test accuracy, two directions minus forward",
          below=0.005, unit="points"),
    Claim("S2", "what two directions gain grows with the data",
          "paired gain in test accuracy on the most sentences, minus that on the fewest",
          above=0.005, unit="points"),
)  # fmt: skip


class Config(tagging.Taggers):
    """The sentences, the taggers, and their training."""

    sentences: tuple[int, ...] = setting(
        (50, 200, 800, 3200), "Sentences to train on, from few to many.", low=1
    )
    steps: int = setting(300, "Training steps of each trial.", low=1)
    seeds: int = setting(6, "Seeds of each setting.", low=2)


def plan(config: Config) -> sweep.Plan:
    """A program for each network; rate, seed and number of sentences are numbers inside it."""
    data, words, characters = tagging.load(config)
    there = len(data["train"]["words"])
    if max(config.sentences) > there:
        raise launch.UserError(
            f"config.sentences: {config.documents} docstrings give {there} sentences to train on, "
            f"not {max(config.sentences)}"
        )
    points = sweep.grid(labels=config.sentences, learning_rate=config.learning_rates)

    def run(arm: str) -> sweep.Run:
        network = tagging.tagger(**tagging.options(config, words, characters, arm))
        build = sweep.by_rate(tasks.tagging(network), adam, schedules.cosine(config.steps))
        return sweep.few_labels(
            sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)
        )

    programs = {arm: (run(arm), points) for arm in (BEST, FORWARD)}
    return sweep.plan(programs, data, seeds=config.seeds, column="model")


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Gains of two directions by number of sentences, paired over seeds."""
    frame = results.frame()
    frame = frame.assign(sentences=frame["labels"].astype(int))
    frame = frame.sort_values("sentences", kind="stable", ignore_index=True)
    tuned = stats.tune(frame, ("sentences", "model"), "learning_rate", "validation_loss")
    scores = tuned.scores("test_accuracy")
    few, many = (
        scores[count, BEST] - scores[count, FORWARD]
        for count in (min(config.sentences), max(config.sentences))
    )
    claims = [
        NO_BETTER.judge(stats.mean_interval(few)),
        GROWS.judge(stats.paired_interval(many, few)),
    ]
    blocks: list[report.Picture | report.Table] = []
    for metric, title, label in (
        ("test_accuracy", "Words rightly tagged", "test accuracy (%)"),
        ("test_f1", "Spans found", "test F1 (%)"),
    ):
        blocks += report.along(
            tuned.trials, "sentences", metric, line="model", title=title,
            x_label="sentences to train on (log scale)", y_label=label,
        )  # fmt: skip
        blocks.append(report.tuned_table(tuned, metric, against=FORWARD))
    return launch.Conclusion(claims, [Section("By number of sentences", tuple(blocks))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
