"""What the window decides: word vectors of near neighbours and of far ones, skip-gram.

Vectors with 5 negatives on a part of the docstrings, with a small and a large window, all else
equal, by the authors' falling rate. Judged on the 10 nearest among the 2000 most frequent words.
Syntactic: the share with the same ending as the word (-ing, -ed, -ly or a plural -s), over words
that have one. Topical: the share of neighbours that are in the same documents as the word 4 times
more often than by chance or more, in documents kept out of training. A seed moves the first
vectors, the noise, the order and what subsampling drops; it is shared by both windows.

Claims: the small window's neighbours share the ending more often, by 2 points or more; those of the
large window share the documents more often, by 2 points or more.

Command: python -m experiments.word_windows --workdir=runs/word_windows
Then: python -m experiments.word_windows --workdir=runs/word_windows --nearest=array
Minutes: 0.5 on 2 cores.
Last result: 2026-11-21, 2-core Xeon, jax 0.10.2, 25 s: the same ending 36 % by window 2, 20 % by
window 10, 16 points [16, 17] apart; the same documents 53 % and 70 %, 18 points [17, 18] apart.
Both hold. Any two words: 11 % and 27 %.
"""

from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field
from jaxdl.word_vectors import word2vec

FIELDS = {
    "steps": Field(4000, "Steps of an epoch, each with 128 words as centres.", low=1),
    "epochs": Field(4, "Times that the words are gone through.", low=1),
    "seeds": Field(4, "Seeds of each window.", low=1),
    "windows": Field((2, 10), "Largest distances of a neighbour.", low=1),
    "documents": Field(8000, "Docstrings to train on; as many others judge.", low=50),
    "dimensions": Field(64, "Numbers in a vector.", low=1),
    "learning_rate": Field(0.025, "Rate at the start; it falls to zero.", low=1e-12),
}
FREQUENT, NEIGHBOURS, OFTEN = 2000, 10, 4.0
POINTS = 0.02
SHOWN = ("array", "plotting", "computed", "thread", "keys", "probability")
MEASURES = {"syntactic": "with the same ending", "topical": "in the same documents"}


def ending(word: str) -> str:
    """-ing, -ed, -ly, a plural -s, or nothing; what is left before it has three letters or more."""
    for suffix in ("ing", "ed", "ly", "s"):
        if word.endswith(suffix) and len(word) >= len(suffix) + 3:
            return "" if word.endswith(("ss", "us", "is", "eed")) else suffix
    return ""


def load(config: Any) -> tuple[dict[str, Any], list[str], Any]:
    """The data as a run takes it, the words, and the noise."""
    import numpy as np

    from jaxdl.data.sources import documents
    from jaxdl.word_vectors import cooccurrence, indexing, windows

    found = documents.docstrings()
    places = np.random.default_rng(0).permutation(len(found))[: 2 * config.documents]
    texts = [found[place] for place in places]
    train, held_out = texts[: config.documents], texts[config.documents :]
    read = indexing.index(train)
    corpus = windows.corpus(read.ids, len(read.words))
    frequent = read.words[:FREQUENT]
    others = [[word for part in indexing.paragraphs(text) for word in part] for text in held_out]
    lifts = cooccurrence.lifts(indexing.encode(others, frequent), len(frequent))
    endings = np.array([ending(word) for word in frequent])
    same = (endings[:, None] == endings[None]) & (endings != "")[:, None]
    np.fill_diagonal(same, False)
    np.fill_diagonal(lifts, 0)
    data = {
        "train": corpus._asdict(),
        "keep": windows.keep_probabilities(read.counts),
        "has_ending": (endings != "").astype(np.float32),
        "syntactic": same,
        "topical": lifts >= OFTEN,
    }
    return data, read.words, windows.noise_probabilities(read.counts)


def plan(config: Any) -> launch.Plan:
    """One program a window."""
    from jaxdl import sweep

    data, words, noise = load(config)
    programs = {f"window {size}": _run(config, size, len(words), noise) for size in config.windows}
    labels = {f"window {size}": {"window": str(size)} for size in config.windows}
    settings = sweep.grid(learning_rate=[config.learning_rate])
    trials = sweep.trials(programs, settings, range(config.seeds))
    return launch.Plan(
        programs, trials, data, segments=config.epochs, labels=labels, keep_states=True
    )


def _run(config: Any, window: int, size: int, noise: Any) -> Any:
    import jax.numpy as jnp

    from jaxdl import similarity
    from jaxdl.word_vectors.training import word_vectors

    def evaluate(state: Any, data: Any) -> dict[str, Any]:
        rows = state.params["input"][: len(data["topical"])]
        count = min(NEIGHBOURS, len(rows) - 1)
        _, nearest = similarity.nearest(rows, rows, count, jnp.arange(len(rows))[:, None])
        related = {
            name: jnp.take_along_axis(data[name], nearest, axis=1).mean(axis=1) for name in MEASURES
        }
        has = data["has_ending"]
        return {
            "test_syntactic": (related["syntactic"] * has).sum() / jnp.maximum(has.sum(), 1),
            "test_topical": related["topical"].mean(),
        }

    return word_vectors(
        word2vec.skip_gram(word2vec.negative_sampling(noise)), word2vec.Plan(window), evaluate, size=size,
        dimensions=config.dimensions, steps=config.steps, epochs=config.epochs,
    )  # fmt: skip


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Both shares, small window against large, seed by seed; the vectors of the first seed."""
    from jaxdl import report, stats

    frame = results.to_pandas()
    small, large = str(min(config.windows)), str(max(config.windows))
    claims = []
    for measure, (more, less) in {"syntactic": (small, large), "topical": (large, small)}.items():
        seeds = frame.pivot(index="seed", columns="window", values=f"test_{measure}").astype(float)
        claims.append(
            report.judge(
                "E6",
                f"neighbours by window {more} are more {measure} than those by window {less}",
                f"share of neighbours {MEASURES[measure]}, difference",
                "1",
                POINTS,
                stats.paired_interval(seeds[more], seeds[less]),
                "above",
            )
        )
    table = _table(frame, plan)
    report.show(table)
    neighbours = _neighbours(config, plan, frame, workdir)
    report.show(neighbours)
    sections = [
        report.Section("Shares of the nearest words", (_picture(frame), table)),
        report.Section("Nearest words", (neighbours,)),
    ]
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(claims, sections, headline)


def _table(frame: Any, plan: launch.Plan) -> Any:
    from jaxdl import report, stats

    rows = []
    for window, group in frame.groupby("window", sort=False):
        shares = [stats.mean_interval(group[f"test_{m}"].astype(float), "share") for m in MEASURES]
        cells = [(report.number(s.mean), report.between(s.low, s.high)) for s in shares]
        rows.append((str(window), *cells[0], *cells[1]))
    has = plan.data["has_ending"] > 0
    chance = (plan.data["syntactic"][has].mean(), plan.data["topical"].mean())
    rows.append(("any word", report.number(chance[0]), "", report.number(chance[1]), ""))
    header = ("window", "same ending", "95 % interval", "same documents", "95 % interval")
    caption = f"Shares of the {NEIGHBOURS} nearest of {len(has)} frequent words; means over seeds."
    return report.Table(header, tuple(rows), frozenset({1, 3}), caption)


def _neighbours(config: Any, plan: launch.Plan, frame: Any, workdir: Path) -> Any:
    """Nearest words of some words by both windows; saves the vectors of one seed."""
    from jaxdl import report

    _, words, _ = load(config)
    finished = frame[frame["status"] == "ok"].drop_duplicates("window")
    tables = {
        str(row["window"]): plan.replay(row).params["input"] for _, row in finished.iterrows()
    }
    launch.save_best(
        workdir, tables, {}, None, task="word2vec", model="word_windows", options={},
        input_shape=None, words=words,
    )  # fmt: skip
    rows = [
        (word, window, ", ".join(found))
        for word in SHOWN
        if word in words
        for window, found in nearest_words(tables, words, word).items()
    ]
    return report.Table(("word", "window", "nearest frequent words"), tuple(rows))


def nearest_words(tables: Any, words: list[str], word: str) -> dict[str, list[str]]:
    """By window: the frequent words nearest to a word, the nearest first."""
    import jax.numpy as jnp

    from jaxdl import similarity

    place = jnp.array([words.index(word)])
    count = min(NEIGHBOURS, len(words) - 1, FREQUENT - 1)
    found = {}
    for window, table in tables.items():
        table = jnp.asarray(table)
        # A rare word may be asked for, but is no answer.
        _, ids = similarity.nearest(table[:FREQUENT], table[place], count + 1)
        named = [words[i] for i in ids[0] if words[i] != word]
        found[window] = named[:count]
    return found


def nearest(workdir: Path, word: str) -> str:
    """The words nearest to one of the user's, a line a window."""
    import numpy as np

    def build(description: Any) -> Any:
        words = description["words"]
        method = word2vec.skip_gram(word2vec.negative_sampling(np.ones(len(words))))
        return word2vec.word2vec(method, len(words), 1)

    loaded = launch.load(workdir, build)
    words = loaded.description["words"]
    if word not in words:
        raise ValueError(f"{word!r} is none of the {len(words)} words that the run has trained")
    found = nearest_words(loaded.params, words, word)
    return "\n".join(f"window {window}: {', '.join(near)}" for window, near in found.items())


def _picture(frame: Any) -> Any:
    from jaxdl import report
    from jaxdl.report import style

    with style.house_style():
        figure = style.new_figure(3.4, "What the nearest words have in common, by window")
        axes = figure.subplots()
        names = list(dict.fromkeys(frame["window"]))
        for name, look in style.line_styles(names).items():
            mine = frame[frame["window"] == name]
            x, y = (mine[f"test_{measure}"].astype(float) for measure in MEASURES)
            axes.plot(x, y, **look | {"linestyle": "none"}, label=f"window {name}")
        axes.set_xlabel("share of neighbours with the same ending (1)")
        axes.set_ylabel("share in the same documents (1)")
        axes.legend()
    caption = "A point is a seed. Endings over words that have one, documents over all."
    return report.Picture("shares", report.to_png(figure), "Syntactic against topical", caption)


USES = {"nearest": launch.Use("Word whose nearest to print, by what the run has trained.", nearest)}

if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude, uses=USES), __file__, __doc__ or "")
