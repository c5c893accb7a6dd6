"""Does a tagger need the words behind a word, and the letters in it?

Sentences of the installed packages' docstrings, whose markup (code, names, references, formulas,
emphasis) is taken off and to be found again. Two directions of an LSTM against a forward one with
equally many weights, and two directions without features of characters, which can tell something
of words that were not seen in training. Whole documents are held out; sentences of more than 32
words are left out. A seed moves initialization and batches, not the test sentences; the rate is
chosen by validation loss.

Claims: two directions gain a point or more of token accuracy, and two points or more of the F1 of
spans (micro, by conlleval's rules); characters gain two points or more of F1.

Command: python -m experiments.tagging --workdir=runs/tagging
Then: python -m experiments.tagging --workdir=runs/tagging --tag="See numpy.sum if axis is None."
Minutes: 2 on 2 cores.
Last result: 2026-11-21, 2-core Xeon, jax 0.10.2, 109 s: two directions minus forward, token
accuracy 0.95 points [0.55, 1.35], inconclusive, and F1 7.6 points [4.9, 10.2], holds; characters
gain -0.1 points of F1 [-1.1, 0.9], fails. Four seeds, F1 41.1 % (forward 33.5 %, without characters
41.2 %): authors mark unevenly, and one pass over the sentences is little. All chose the highest of
three rates; without it, in a run before, characters gained 2.2 points [1.2, 3.2].
"""

from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.data.text import bio
from jaxdl.launch import Field
from jaxdl.metrics.spans import lenient, score

LONGEST, WIDTH = 32, 12
POINT, TWO_POINTS = 0.01, 0.02
BEST, FORWARD, ALONE = "two directions", "forward", "without characters"
ARMS = {BEST: (True, True), FORWARD: (False, True), ALONE: (True, False)}
"""Whether there are two directions, and characters."""
CLAIMS = (
    ("S2", "the words behind a word help to tag it", FORWARD, "accuracy", POINT),
    ("S10", "forward-only loses", FORWARD, "f1", TWO_POINTS),
    ("S10", "features of characters help", ALONE, "f1", TWO_POINTS),
)
FIELDS = {
    "steps": Field(400, "Training steps of each trial.", low=1),
    "seeds": Field(4, "Seeds of each setting.", low=2),
    "documents": Field(16000, "Docstrings to take, of all splits.", low=500),
    "batch_size": Field(32, "Sentences in a step.", low=1, high=100),
    "features": Field(48, "Numbers that a word is embedded in.", low=1),
    "letters": Field(32, "Numbers that the characters of a word give.", low=1),
    "hidden": Field(48, "Units of each of two directions.", low=1),
    "taggers": Field(tuple(ARMS), "What to compare."),
    "learning_rates": Field((3e-3, 1e-2, 3e-2), "Peak rates of Adam to try.", low=1e-12),
}


def load(config: Any) -> tuple[dict[str, Any], Any, Any]:
    """The data as a run takes it, and the vocabularies of words and characters."""
    import numpy as np

    from jaxdl.data import batches
    from jaxdl.data.sources import documents, markup
    from jaxdl.data.text import tagged, vocabulary

    found = documents.docstrings()
    order = np.random.default_rng(0).permutation(len(found))[: config.documents]
    parts = markup.split(documents.split([found[place] for place in order]))
    kept = {
        name: [sentence for sentence in part if len(sentence.words) <= LONGEST]
        for name, part in parts._asdict().items()
    }
    words = [word for sentence in kept["train"] for word in sentence.words]
    known = vocabulary.build(words, min_count=2), vocabulary.build("".join(words), min_count=20)
    arrays = {
        name: tagged.encode(part, *known, markup.TYPES, LONGEST, WIDTH)
        for name, part in kept.items()
    }
    data: dict[str, Any] = {
        name: array if name == "train" else batches.padded_batches(array, 100)
        for name, array in arrays.items()
    }
    return data, *known


def tagger(
    words: int, characters: int, features: int, letters: int, hidden: int, both: bool, spelled: bool
) -> Any:
    """The model, from plain numbers; a forward one is as wide as makes it equally large."""
    from jaxdl.data.sources import markup
    from jaxdl.layers.recurrent import RNN, Bidirectional
    from jaxdl.models import CharacterFeatures, Tagger

    tags = len(bio.labels(markup.TYPES))
    inputs = features + letters * spelled
    body = (
        Bidirectional(RNN(hidden), RNN(hidden, reverse=True))
        if both
        else RNN(equal_width(inputs, hidden, tags))
    )
    of_words = CharacterFeatures(characters, letters) if spelled else None
    return Tagger(words, features, body, tags, of_words)


def equal_width(inputs: int, hidden: int, tags: int) -> int:
    """Units of a forward LSTM with as many weights as two directions of `hidden` units each."""

    def weights(width: int) -> int:
        return 4 * width * (inputs + width + 1) + width * tags

    wanted = 2 * weights(hidden)
    return min(range(hidden, 2 * hidden + 1), key=lambda width: abs(weights(width) - wanted))


def plan(config: Any) -> launch.Plan:
    """A program for each arm; rate and seed are numbers inside it."""
    from jaxdl import sweep
    from jaxdl.optimizers import adam, schedules
    from jaxdl.tasks import tagging

    if {BEST, FORWARD} - set(config.taggers):
        raise launch.UserError(f"config.taggers: {BEST!r} and {FORWARD!r} are to be among them")
    arms = launch.choose_all("taggers", config.taggers, ARMS)
    data, words, characters = load(config)

    def run(both: bool, spelled: bool) -> sweep.Run:
        task = tagging(tagger(**options(config, words, characters), both=both, spelled=spelled))

        def build(hparams: dict[str, Any]) -> Any:
            rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(config.steps))
            return task, adam(rate)

        return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    programs = {name: run(*arm) for name, arm in arms.items()}
    settings = sweep.grid(learning_rate=config.learning_rates)
    trials = sweep.trials(list(programs), settings, range(config.seeds))
    labels = {name: {"model": name} for name in programs}
    return launch.Plan(programs, trials, data, segments=1, labels=labels, keep_states=True)


def options(config: Any, words: Any, characters: Any) -> dict[str, Any]:
    """What all arms have in common."""
    sizes = {name: config[name] for name in ("features", "letters", "hidden")}
    return {"words": len(words), "characters": len(characters)} | sizes


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Accuracy and F1 on test, paired over seeds, each arm at its own rates."""
    from jaxdl import report, stats

    frame = results.to_pandas()
    best = stats.select(frame, ["model"], "learning_rate", "validation_loss", "min")
    chosen = stats.chosen_trials(frame, best, ["model", "learning_rate"])

    def claim(row: str, words: str, rival: str, measure: str, threshold: float) -> Any:
        seeds = chosen.pivot(index="seed", columns="model", values=f"test_{measure}").astype(float)
        interval = stats.paired_interval(seeds[BEST], seeds[rival])
        quantity = f"paired difference in test {measure}"
        return report.judge(row, words, quantity, "1", threshold, interval, "above")

    claims = [
        claim(row, words, rival, measure, threshold)
        for row, words, rival, measure, threshold in CLAIMS
        if rival in config.taggers
    ]
    table = _table(plan, chosen)
    report.show(table)
    spans = {claim.claim: claim for claim in claims if claim.quantity.endswith("f1")}
    figure = report.intervals(list(spans.values()), list(spans), title="What is gained in span F1")
    gains = report.Picture("gains", report.to_png(figure), "Paired differences in span F1")
    shown = frame.merge(best[["model", "learning_rate"]]).sort_values("seed")
    row = shown[shown["model"] == BEST].iloc[0]
    sections = [
        report.Section("On sentences of held-out documents", (table, gains)),
        report.Section("By kind of markup", (_by_type(config, plan, row, workdir),)),
    ]
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(claims, sections, headline)


def _table(plan: launch.Plan, chosen: Any) -> Any:
    from jaxdl import report, stats

    rows = []
    for name, group in chosen.groupby("model", sort=False):
        accuracy, f1 = (group[f"test_{measure}"].astype(float) for measure in ("accuracy", "f1"))
        interval = stats.mean_interval(f1, "share")
        rows.append((
            str(name),
            report.distinct(group["learning_rate"]),
            report.percent(accuracy.mean(), 2),
            report.percent(f1.mean(), 2),
            report.between(interval.low, interval.high, lambda share: report.percent(share, 1)),
        ))  # fmt: skip
    test = plan.data["test"]
    real = (test["words"] > 0) & (test["mask"][..., None] > 0)
    outside = float((test["y"][real] == 0).mean())
    header = ("tagger", "rate", "test accuracy (%)", "test F1 of spans (%)", "95 % interval")
    caption = (
        f"Means over {chosen['seed'].nunique()} seeds, {report.CHOSEN}, and 95 % intervals; "
        f"{report.percent(outside)} % of the words are outside any markup."
    )
    return report.Table(header, tuple(rows), frozenset(range(1, 5)), caption)


def _by_type(config: Any, plan: launch.Plan, row: Any, workdir: Path) -> Any:
    """Precision, recall and F1 of each type for one trained tagger, which is kept."""
    import jax
    import numpy as np
    import pandas as pd

    from jaxdl import report
    from jaxdl.data.sources import markup
    from jaxdl.tasks import tagging

    _, words, characters = load(config)
    plain = options(config, words, characters) | {"both": True, "spelled": True}
    state, test = plan.replay(row), plan.data["test"]
    _save(plain, words, characters, state, row, workdir)
    task, names = tagging(tagger(**plain)), bio.labels(markup.TYPES)
    logits = jax.jit(lambda test: jax.lax.map(lambda b: task.predict(state.params, {}, b), test))
    real = (test["words"] > 0) & (test["mask"][..., None] > 0)
    read = []
    for ids in (np.asarray(logits(test)).argmax(axis=-1), test["y"]):
        rows = zip(ids.reshape(-1, LONGEST), real.reshape(-1, LONGEST), strict=True)
        read.append([lenient([names[tag] for tag in tags[there]]) for tags, there in rows])
    scores = {}
    for kind in markup.TYPES:
        ours, theirs = ([[one for one in row if one.type == kind] for row in part] for part in read)
        label = f"{kind} ({sum(map(len, theirs))} spans)"
        scores[label] = [100 * share for share in score(ours, theirs)]
    cells = pd.DataFrame.from_dict(scores, orient="index", columns=["precision", "recall", "F1"])
    figure = report.heat_map(
        cells, title=f"Spans on test: {BEST}", label="share of spans (%)", limits=(0, 100)
    )
    return report.Picture("types", report.to_png(figure), "Scores by type", "One seed.")


def _save(plain: Any, words: Any, characters: Any, state: Any, row: Any, workdir: Path) -> None:
    launch.save_best(
        workdir,
        state.params,
        {},
        None,
        task="tagging",
        model="tagger",
        options=plain,
        input_shape=None,
        words=list(words.words),
        letters=list(characters.words),
        trial=row["trial"],
        learning_rate=row["learning_rate"],
        seed=int(row["seed"]),
    )


def tag(workdir: Path, text: str) -> str:
    """The user's sentence with the spans that the trained tagger finds: `[axis]/CODE`."""
    import jax
    import numpy as np

    from jaxdl.data.sources import markup
    from jaxdl.data.text import tagged, vocabulary
    from jaxdl.tasks import tagging

    words = markup.words(text)
    if not words:
        raise ValueError("there is no word in it")
    loaded = launch.load(workdir, lambda found: tagging(tagger(**found["options"])))
    known, letters = (
        vocabulary.Vocabulary(tuple(loaded.description[name])) for name in ("words", "letters")
    )
    sentence = markup.Sentence(words, ["O"] * len(words))
    batch = tagged.encode([sentence], known, letters, markup.TYPES, len(words), WIDTH)
    logits = np.asarray(jax.jit(loaded.task.predict)(loaded.params, {}, batch))[0]
    names = bio.labels(markup.TYPES)
    found = lenient([names[best] for best in logits.argmax(axis=-1)])
    if not found:
        return f"{' '.join(words)}\n(no span found; looked for {', '.join(markup.TYPES)})"
    pieces, end = [], 0
    for kind, start, stop in found:
        pieces += [*words[end:start], f"[{' '.join(words[start:stop])}]/{kind}"]
        end = stop
    return " ".join(pieces + words[end:])


USES = {"tag": launch.Use("Sentence to tag with what the run has trained.", tag)}

if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude, uses=USES), __file__, __doc__ or "")
