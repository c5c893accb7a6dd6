"""Which sound belongs to a spelling? One encoder of sequences, by its distances.

Words of the CMU pronouncing dictionary, as letters and as phonemes without stress. One recurrent
encoder (GRU, both ways, on the unit sphere) reads either, trained on triplets: a word in one form,
the same word in the other, and another word, half of the time a neighbour in the alphabet. The
triplet loss sees them as they are, the contrastive loss as two pairs. Then new words: among their
500 sounds, which is nearest to a spelling? Beside it the same encoder before training, and the
cosine of tf-idf vectors of 1- to 3-grams of characters, where a sound is written in the letters of
its phonemes ("cat" as "kaet"). A seed moves the initialization and the batches; the rate is chosen
by the mean reciprocal rank on validation words. The test words are the same for all seeds: the
intervals hold no chance of theirs.

Claims: with the triplet loss, and with the contrastive loss, the right sound is the nearest in 20
points or more of new words above tf-idf.

Command: python -m experiments.siamese_retrieval --workdir=runs/siamese_retrieval
Minutes: 1 on 2 cores.
Last result: 2026-11-21, 2-core Xeon, jax 0.10.2, 56 s. The right sound is the nearest: triplet loss
94.1 %, contrastive loss 97.5 %, tf-idf 63.6 %, untrained 0.3 %. Above tf-idf by 30.5 points
[29.3, 31.6] and 33.9 [31.6, 36.2]: both hold. Validation chose the higher of the two rates for both
losses.
"""

from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(600, "Training steps of each trial.", low=1),
    "seeds": Field(3, "Seeds of each setting.", low=1),
    "words": Field(20_000, "Words to train on.", low=100),
    "batch_size": Field(64, "Triplets in a step.", low=1, high=100),
    "width": Field(48, "Units of the encoder, each way.", low=1),
    "learning_rates": Field((3e-3, 1e-2), "Peak rates of Adam to try.", low=1e-12),
}
NEW, LONGEST, NEARBY = 500, 12, 5
LOSSES = ("triplet", "contrastive")
MEASURES = {"recall_1": "nearest", "recall_10": "among the 10 nearest", "mrr": "mean 1/rank"}
TWENTY_POINTS = 0.2


def words(config: Any) -> dict[str, list[Any]]:
    """Words of both forms within 12 symbols; those to search have no homophones among them."""
    import numpy as np

    from jaxdl.data.sources import pronunciations

    parts = pronunciations.load()._asdict()
    rng = np.random.default_rng(0)
    found = {}
    for name, pairs in parts.items():
        short = [
            (pair.word, pronunciations.without_stress(pair.phonemes))
            for pair in pairs
            if len(pair.word) >= 3 and max(len(pair.word), len(pair.phonemes)) <= LONGEST
        ]
        short = [short[place] for place in rng.permutation(len(short))]
        if name != "train":
            short = list({sound: (word, sound) for word, sound in short}.values())
        found[name] = short[: config.words if name == "train" else NEW]
    return found


def load(parts: dict[str, list[Any]]) -> tuple[dict[str, Any], int]:
    """Triplets `[N, 3, T]` to train on, spelling and sound `[1, N, 2, T]` else; how many ids."""
    import numpy as np

    from jaxdl.data import batches

    # Of all splits: which letters and phonemes there are is no secret of the test words.
    pairs = [pair for part in parts.values() for pair in part]
    symbols = sorted({symbol for pair in pairs for form in pair for symbol in form})
    ids = {symbol: place + 1 for place, symbol in enumerate(symbols)}
    forms: dict[str, Any] = {}
    for name, part in parts.items():
        forms[name] = np.zeros((len(part), 2, LONGEST), np.int32)
        for row, pair in enumerate(sorted(part) if name == "train" else part):
            for form, text in enumerate(pair):
                forms[name][row, form, : len(text)] = [ids[symbol] for symbol in text]
    data: dict[str, Any] = {"train": _triplets(forms.pop("train"))}
    for name, x in forms.items():
        data[name] = batches.padded_batches({"x": x}, len(x))
    return data, len(ids) + 1


def _triplets(forms: Any) -> dict[str, Any]:
    """Each word is an anchor in both forms; forms `[N, 2, T]` in alphabetical order."""
    import numpy as np

    rng = np.random.default_rng(0)
    anchor, form = np.repeat(np.arange(len(forms)), 2), np.tile([0, 1], len(forms))
    near = rng.integers(1, NEARBY + 1, len(anchor)) * rng.choice([-1, 1], len(anchor))
    far = rng.integers(1, len(forms), len(anchor))
    other = (anchor + np.where(rng.random(len(anchor)) < 0.5, near, far)) % len(forms)
    while (alike := (forms[anchor] == forms[other]).all(axis=2).any(axis=1)).any():
        other[alike] = (other[alike] + 1) % len(forms)  # a homophone would be no other word
    x = [forms[anchor, form], forms[anchor, 1 - form], forms[other, 1 - form]]
    return {"x": np.stack(x, axis=1), "y": np.stack([anchor, anchor, other], 1).astype(np.int32)}


def plan(config: Any) -> launch.Plan:
    """One program a loss; a rate of 0 leaves the encoder as it began."""
    from jaxdl import sweep
    from jaxdl.optimizers import adam, schedules

    data, size = load(words(config))
    programs = {}
    for name in LOSSES:
        task = siamese_task(name, size, config.width)

        def build(hparams: dict[str, Any], task: Any = task) -> Any:
            rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(config.steps))
            return task, adam(rate)

        run = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)
        programs[name] = run._replace(evaluate=_search(task))
    settings = sweep.grid(learning_rate=config.learning_rates)
    trials = sweep.trials(LOSSES, settings, range(config.seeds))
    trials += sweep.trials(LOSSES[:1], sweep.grid(learning_rate=[0.0]), range(config.seeds))
    return launch.Plan(programs, trials, data, segments=1, keep_states=True)


def siamese_task(loss: str, size: int, width: int) -> Any:
    """The task of a loss on triplets."""
    import jax.numpy as jnp

    from jaxdl import similarity
    from jaxdl.layers.cells import GRU
    from jaxdl.layers.recurrent import RNN, Bidirectional
    from jaxdl.models import SentenceEncoder, Siamese, last_state
    from jaxdl.tasks import siamese
    from jaxdl.types import Task

    def on_the_sphere(carry: Any, outputs: Any, mask: Any) -> Any:
        return similarity.unit(last_state(carry, outputs, mask))

    body = Bidirectional(RNN(width, GRU), RNN(width, GRU, reverse=True))
    model = Siamese(SentenceEncoder(size, width, body, on_the_sphere))
    if loss == "triplet":
        return siamese.triplet(model)
    task = siamese.contrastive(model)

    def pairs(batch: Any) -> Any:
        """Anchor and positive, anchor and negative."""
        return {name: jnp.concatenate([v[:, :2], v[:, ::2]]) for name, v in batch.items()}

    def objective(params: Any, state: Any, batch: Any, key: Any, *, train: bool) -> Any:
        return task.loss(params, state, pairs(batch), key, train=train)

    return Task(lambda key, batch: task.init(key, pairs(batch)), objective, task.predict)


def _search(task: Any) -> Any:
    """Measures of the ranks of the right sounds of all words of a split."""
    from jaxdl.metrics import retrieval

    def evaluate(hparams: Any, state: Any, data: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for split in ("validation", "test"):
            vectors = task.predict(state.params, state.model_state, {"x": data[split]["x"][0]})
            ranks = retrieval.ranks(vectors[:, 0] @ vectors[:, 1].T)
            measures = retrieval.measures(ranks)
            found |= {f"{split}_{name}": value for name, value in measures.items()}
        return found

    return evaluate


def tf_idf(parts: dict[str, list[Any]]) -> Any:
    """Cosines `[N, N]` of test words and sounds."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    written = {
        name: ([word for word, _ in pairs], ["".join(sound).lower() for _, sound in pairs])
        for name, pairs in parts.items()
    }
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3), sublinear_tf=True)
    vectorizer.fit(written["train"][0] + written["train"][1])
    queries, candidates = (vectorizer.transform(texts) for texts in written["test"])
    return (queries @ candidates.T).toarray()


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Each loss at the rates that others chose; examples of the first seed."""
    from jaxdl import report, stats
    from jaxdl.metrics import retrieval

    parts = words(config)
    frame = results.to_pandas()
    untrained = frame[frame["learning_rate"] == 0]
    trained = frame[frame["learning_rate"] > 0]
    best = stats.select(trained, ["program"], "learning_rate", "validation_mrr", "max")
    chosen = stats.chosen_trials(trained, best, ["program", "learning_rate"])
    groups = {name: chosen[chosen["program"] == name] for name in LOSSES}
    groups["untrained"] = untrained
    ranks = retrieval.ranks(tf_idf(parts))
    counted = {name: float(value) for name, value in retrieval.measures(ranks).items()}
    claims = [
        report.judge(
            "S11",
            f"an encoder trained with the {name} loss finds the sound of a word better than tf-idf",
            "share of new words whose sound is nearest, minus that of tf-idf",
            "1",
            TWENTY_POINTS,
            stats.mean_interval(groups[name]["test_recall_1"].astype(float) - counted["recall_1"]),
            "above",
        )
        for name in LOSSES
    ]
    shown = trained.merge(best[["program", "learning_rate"]]).sort_values("seed")
    shown = shown[shown["program"] == "triplet"]
    rates = {name: report.distinct(groups[name]["learning_rate"]) for name in LOSSES}
    figure, table = _comparison(groups, counted, rates)
    report.show(table)
    examples = _examples(config, plan, shown.iloc[0], parts)
    picture = report.Picture("retrieval", report.to_png(figure), "Retrieval by method")
    sections = [
        report.Section("Among 500 sounds of new words", (picture, table)),
        report.Section("The sounds that are nearest", (examples,)),
    ]
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(claims, sections, headline)


def _comparison(groups: Any, counted: dict[str, float], rates: dict[str, str]) -> Any:
    """A panel a measure, a row a method; and the numbers."""
    from jaxdl import report, stats
    from jaxdl.report.style import COLOURS, house_style, new_figure

    names = [*groups, "tf-idf"]
    rows = [[name, rates.get(name, "–")] for name in names]
    with house_style():
        figure = new_figure(2.4, "Finding the sound of a spelling among 500")
        panels = figure.subplots(1, len(MEASURES), sharey=True, sharex=True)
        for panel, (measure, label) in zip(panels, MEASURES.items(), strict=True):
            for place, name in enumerate(names):
                if name in groups:
                    values = groups[name][f"test_{measure}"].astype(float)
                    draws = None if measure == "mrr" else NEW
                    over = stats.mean_interval(values, "share", examples=draws)
                    mean, low, high = over.mean, over.low, over.high
                else:
                    mean = low = high = counted[measure]
                panel.plot([low, high], [place, place], color=COLOURS[place], linewidth=2)
                panel.plot(mean, place, marker="os^d"[place], color=COLOURS[place], markersize=7)
                bounds = f" ({report.between(low, high)})" if name in groups else ""
                rows[place].append(report.number(mean) + bounds)
            unit = "mean 1/rank" if measure == "mrr" else "share of words"
            panel.set(title=label, xlabel=f"{unit} (1)", xlim=(-0.02, 1.02))
            panel.set_yticks(range(len(names)), names)
        panels[0].invert_yaxis()
    header = ("method", "rate", *MEASURES.values())
    caption = f"Mean over seeds and its 95 % interval, {report.CHOSEN}; tf-idf has no seed."
    numbers = frozenset(range(1, 5))
    return figure, report.Table(header, tuple(map(tuple, rows)), numbers, caption)


def _examples(config: Any, plan: launch.Plan, row: Any, parts: dict[str, list[Any]]) -> Any:
    import jax
    import numpy as np

    from jaxdl import report

    _, size = load(parts)
    task = siamese_task("triplet", size, config.width)
    state = plan.replay(row)
    vectors = jax.jit(task.predict)(state.params, {}, {"x": plan.data["test"]["x"][0]})
    scores = np.asarray(vectors[:, 0] @ vectors[:, 1].T)
    order = np.argsort(-scores, axis=1)
    sounds = [" ".join(sound) for _, sound in parts["test"]]
    rows = []
    for place, (word, _) in enumerate(parts["test"][:12]):
        rank = int(np.flatnonzero(order[place] == place)[0]) + 1
        nearest = "; ".join(sounds[found] for found in order[place, :3])
        rows.append((word, sounds[place], str(rank), nearest))
    header = ("spelling", "its sound", "rank", "nearest sounds, the nearest first")
    caption = "The first 12 test words, by the triplet loss, first seed."
    return report.Table(header, tuple(rows), frozenset({2}), caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
