"""A vocabulary without a list of words: hashed into how few buckets, at what price in accuracy?

From which of eight packages is a docstring: a linear model of its first words, with a row of
weights for each word of the training documents, or for each of 2^6 … 2^16 buckets that all words
are hashed to. A seed moves the hash function and the batches, the documents are the same; the rate
of each size is chosen on validation.

Claims: with at least a quarter as many buckets as words, hashing costs less than one point of test
accuracy; in the smallest table it costs five points or more.

Command: python -m experiments.hashing_trick --workdir=runs/hashing_trick
Minutes: 0.6 on 2 cores.
Last result: 2026-11-21, 2-core Xeon, jax 0.10.2, 34 s: 76.3 % right with the list of 8,273 words.
Points lost: 65,536 buckets 0.5 [-0.2, 1.2] and 16,384 buckets 1.3 [0.9, 1.7], not decided; 4,096
buckets 3.6 [2.7, 4.5], fails. 64 buckets lose 39.7 [38.9, 40.6]: holds. Collisions are as many as
expected.
"""

from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(600, "Training steps of each trial.", low=1),
    "seeds": Field(5, "Seeds of each setting.", low=1),
    "bits": Field((6, 8, 10, 12, 14, 16), "Tables of 2^bits buckets.", low=1, high=20),
    "documents": Field(350, "Documents of each package to train on, at most.", low=10),
    "batch_size": Field(64, "Documents in a step.", low=1),
    "learning_rates": Field((3e-3, 1e-2, 3e-2), "Rates of Adam to try.", low=1e-12),
}
SHORTEST, LENGTH, VALIDATION, TEST = 5, 64, 100, 150
QUARTER, POINT, FIVE_POINTS = 0.25, 0.01, 0.05


def load(config: Any) -> tuple[dict[str, Any], list[str], list[str]]:
    """The data as a run takes it, the words of the training documents, and the packages.

    x `[N, 2, T]`: numbers to hash, and places in the list of words.
    """
    import numpy as np

    from jaxdl.data import batches
    from jaxdl.data.sources import documents
    from jaxdl.models import bag_of_words
    from jaxdl.word_vectors import indexing

    rng = np.random.default_rng(0)
    parts: dict[str, list[Any]] = {"test": [], "validation": [], "train": []}
    found = documents.docstrings_by_package()
    for label, texts in enumerate(found.values()):
        texts = [texts[place] for place in rng.permutation(len(texts))]
        split = ([w for part in indexing.paragraphs(text) for w in part] for text in texts)
        longer = (tuple(words[:LENGTH]) for words in split if len(words) >= SHORTEST)
        kept = [(words, label) for words in dict.fromkeys(longer)]
        ends = np.cumsum([0, TEST, VALIDATION, config.documents])
        for name, start, end in zip(parts, ends[:-1], ends[1:], strict=True):
            parts[name] += kept[start:end]
    words = sorted({word for document, _ in parts["train"] for word in document})
    ids = {word: place for place, word in enumerate(words)}

    def arrays(documents: Any) -> dict[str, Any]:
        hashes = [bag_of_words.hashes(document, LENGTH) for document, _ in documents]
        places = np.full((len(documents), LENGTH), bag_of_words.NO_WORD, np.int32)
        for row, (document, _) in zip(places, documents, strict=True):
            row[: len(document)] = [ids.get(word, bag_of_words.NO_WORD) for word in document]
        labels = np.array([label for _, label in documents], np.int32)
        return {"x": np.stack([np.stack(hashes), places], axis=1), "y": labels}

    data = {"train": arrays(parts["train"])} | {
        name: batches.padded_batches(arrays(parts[name]), 300) for name in ("validation", "test")
    }
    return data, words, list(found)


def salt(seed: int) -> int:
    """The odd number that makes a seed's hash function."""
    import numpy as np

    return int(np.random.default_rng(seed).integers(2**30)) * 2 + 1


def plan(config: Any) -> launch.Plan:
    """Two programs: the list of words, and the hash, whose size is a number inside it."""
    from jaxdl import sweep, tasks
    from jaxdl.models import bag_of_words
    from jaxdl.models.bag_of_words import BagOfWords
    from jaxdl.optimizers import adam

    data, words, packages = load(config)

    def listed(hparams: dict[str, Any]) -> Any:
        model = BagOfWords(len(words), len(packages), lambda x: x[:, 1])
        return tasks.classification(model), adam(hparams["learning_rate"])

    def hashed(hparams: dict[str, Any]) -> Any:
        def place(x: Any) -> Any:
            return bag_of_words.buckets(x[:, 0], hparams["salt"], hparams["bits"])

        model = BagOfWords(2 ** max(config.bits), len(packages), place)
        return tasks.classification(model), adam(hparams["learning_rate"])

    builds = {"listed": listed, "hashed": hashed}
    programs = {
        name: sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)
        for name, build in builds.items()
    }
    trials = []
    for seed in range(config.seeds):
        axes = {"learning_rate": config.learning_rates, "salt": [salt(seed)]}
        trials += sweep.trials(["listed"], sweep.grid(bits=[0], **axes), [seed])
        trials += sweep.trials(["hashed"], sweep.grid(bits=config.bits, **axes), [seed])
    return launch.Plan(programs, trials, data, segments=1)


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """What each size costs against the list of words, seed by seed."""
    from jaxdl import report, stats

    _, words, packages = load(config)
    frame = results.to_pandas().astype({"bits": int})
    best = stats.select(frame, ["bits"], "learning_rate")
    chosen = stats.chosen_trials(frame, best, ["bits", "learning_rate"])
    accuracy = chosen.pivot(index="seed", columns="bits", values="test_accuracy").astype(float)
    cost = {bits: stats.paired_interval(accuracy[0], accuracy[bits]) for bits in config.bits}
    quantity = "test accuracy with the list of words minus that with the hash"
    claims = [
        report.judge(
            "E1", f"{2**bits:,} buckets for {len(words):,} words cost less than a point", quantity,
            "1", POINT, cost[bits], "below",
        )
        for bits in sorted(config.bits)
        if 2**bits >= QUARTER * len(words)
    ]  # fmt: skip
    claims = report.depends(claims)
    least = min(config.bits)
    claims.append(
        report.judge(
            "E1", f"{2**least:,} buckets for {len(words):,} words cost five points or more",
            quantity, "1", FIVE_POINTS, cost[least], "above",
        )
    )  # fmt: skip
    taken = collisions(config, words)
    table = _table(accuracy, cost, taken, words, best)
    report.show(table)
    text = f"{len(packages)} packages, {len(plan.data['train']['y']):,} documents to train on."
    picture = _picture(accuracy, text)
    sections = [report.Section("Accuracy by the number of buckets", (picture, table))]
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(claims, sections, headline)


def collisions(config: Any, words: list[str]) -> dict[int, float]:
    """By bits: how many of the words find their bucket taken, mean over the seeds."""
    import numpy as np

    from jaxdl.models import bag_of_words

    numbers = bag_of_words.hashes(words, len(words))

    def taken(seed: int, bits: int) -> int:
        return len(words) - len(np.unique(bag_of_words.buckets(numbers, salt(seed), bits)))

    seeds = range(config.seeds)
    return {bits: float(np.mean([taken(seed, bits) for seed in seeds])) for bits in config.bits}


def _table(accuracy: Any, cost: Any, taken: Any, words: list[str], best: Any) -> Any:
    from jaxdl import report

    size = len(words)
    rates = dict(zip(best["bits"], best["learning_rate"], strict=True))
    rows = [("list of words", f"{size:,}", "0", "0", f"{rates[0]:g}",
             report.percent(accuracy[0].mean()), "", "")]  # fmt: skip
    for bits, found in sorted(cost.items(), reverse=True):
        expected = size - 2**bits * (1 - (1 - 2.0**-bits) ** size)
        bounds = report.between(found.low, found.high, report.percent)
        rows.append(
            (f"2^{bits}", f"{2**bits:,}", f"{taken[bits]:,.0f}", f"{expected:,.0f}",
             f"{rates[bits]:g}", report.percent(accuracy[bits].mean()),
             report.percent(found.mean), bounds)
        )  # fmt: skip
    header = ("table", "rows", "words that find their row taken", "expected", "rate",
              "test accuracy (%)", "cost (points)", "95 % interval")  # fmt: skip
    caption = "Means over seeds, each with a hash function of its own."
    return report.Table(header, tuple(rows), frozenset(range(1, 8)), caption)


def _picture(accuracy: Any, caption: str) -> Any:
    from jaxdl import report
    from jaxdl.report import style

    sizes = sorted(bits for bits in accuracy.columns if bits)
    with style.house_style():
        figure = style.new_figure(3.2, "Docstrings to their packages, words hashed into buckets")
        axes = figure.subplots()
        hashed, listed = style.line_styles(["hashed", "list of words"]).values()
        axes.fill_between(
            sizes, accuracy[sizes].min(), accuracy[sizes].max(), color=hashed["color"], alpha=0.15,
            linewidth=0,
        )  # fmt: skip
        axes.plot(sizes, accuracy[sizes].mean(), **hashed, label="hashed")
        axes.axhline(accuracy[0].mean(), color=listed["color"], linestyle="--",
                     label="list of words")  # fmt: skip
        axes.set_xticks(sizes, [f"{2**bits:,}" for bits in sizes])
        axes.set_xlabel("buckets (log scale)")
        axes.set_ylabel("test accuracy (1)")
        axes.legend(loc="lower right")
    caption += " Band: lowest to highest of the seeds, each with its own hash function."
    return report.Picture("accuracy", report.to_png(figure), "Accuracy by buckets", caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
