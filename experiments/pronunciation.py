"""How is a word said? An encoder and a decoder with one context, and with attention, by length.

Words of the CMU pronouncing dictionary, letter by letter, to their phonemes without stress. Both
models read in two directions; one feeds the decoder the last states at every step, the other lets
it look at each letter before each phoneme (Luong's general score). On unseen words, decoded
greedily: edits to the right phonemes over right phonemes, in all, of short words (3 to 5 letters)
and of long ones (9 to 12). A seed moves the initialization and the batches; the rate is chosen by
that error on validation.

Claims: attention takes 2 points or more off the error; from short words to long ones the error
grows by less with attention, by 2 points or more; with one context it grows by 5 points or more.

Command: python -m experiments.pronunciation --workdir=runs/pronunciation
Then: python -m experiments.pronunciation --workdir=runs/pronunciation --pronounce=attention
Minutes: 2 on 2 cores.
Last result: 2026-11-21, 2-core Xeon (shared, 133 s; 2.7 minutes of one core), jax 0.10.2: attention
takes off 8.3 points [7.1, 9.4], holds; of the growth 11.7 [8.5, 14.9], holds; with one context it
is 13.8 [11.5, 16.2], holds. Errors 22.5 % and 14.3 %; four seeds, both at 0.01, the largest rate.
"""

from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(1200, "Training steps of each trial.", low=1),
    "seeds": Field(4, "Seeds of each setting.", low=1),
    "words": Field(20_000, "Words to train on.", low=128, high=100_000),
    "batch_size": Field(64, "Words in a step.", low=1, high=128),
    "features": Field(32, "Numbers that a letter or a phoneme is embedded in.", low=1),
    "width": Field(64, "Units of the encoder, both directions, and of the decoder.", low=2),
    "learning_rates": Field((3e-3, 1e-2), "Peak rates of Adam to try.", low=1e-12),
}
ONE, ATTENTION = "one context", "attention"
LETTERS, PHONEMES, NEW = range(3, 13), 12, 1000
SHORT, LONG = range(3, 6), range(9, 13)
BETTER, LESS, GROWS = 0.02, 0.02, 0.05
DRAWN, BEAM, SAID = (5, 8, 11), 8, 3


def load(config: Any) -> tuple[dict[str, Any], Any, Any]:
    """The data as a run takes it, and the vocabularies of letters and of phonemes."""
    import numpy as np

    from jaxdl.data import batches
    from jaxdl.data.sources import pronunciations
    from jaxdl.data.text import bucketing, vocabulary

    def few(pairs: Any, count: int) -> list[tuple[str, tuple[str, ...]]]:
        fitting = [
            (word, pronunciations.without_stress(spoken))
            for word, spoken in pairs
            if len(word) in LETTERS and len(spoken) <= PHONEMES
        ]
        order = np.random.default_rng(0).permutation(len(fitting))
        return [fitting[place] for place in order[:count]]

    found = pronunciations.load()
    train = few(found.train, config.words)
    letters = vocabulary.build(letter for word, _ in train for letter in word)
    phonemes = vocabulary.build(phoneme for _, spoken in train for phoneme in spoken)

    def arrays(pairs: Any) -> dict[str, Any]:
        x = [vocabulary.encode(letters, word) for word, _ in pairs]
        y = [vocabulary.framed(vocabulary.encode(phonemes, spoken)) for _, spoken in pairs]
        longest = max(LETTERS)
        return {"x": bucketing.pad(x, longest)["x"], "y": bucketing.pad(y, PHONEMES + 2)["x"]}

    data: dict[str, Any] = {"train": arrays(train)}
    for name, pairs in (("validation", found.validation), ("test", found.test)):
        data[name] = batches.padded_batches(arrays(few(pairs, NEW)), NEW // 4)
    return data, letters, phonemes


def network(decoder: str, letters: int, phonemes: int, features: int, width: int) -> Any:
    """The model, from plain values."""
    from flax import linen as nn

    from jaxdl.layers.attention import General, Soft
    from jaxdl.models import Attentive, Encoder, FixedContext, Seq2Seq

    # Orthogonal kernels cost seconds of compilation, and the words are short.
    init = nn.initializers.lecun_normal()
    width -= width % 2
    decoders = {
        ONE: lambda: FixedContext(width, recurrent_init=init),
        ATTENTION: lambda: Attentive(width, recurrent_init=init, attention=Soft(General(width))),
    }
    encoder = Encoder(letters, features, width // 2, recurrent_init=init)
    return Seq2Seq(encoder, decoders[decoder](), phonemes, features)


def plan(config: Any) -> launch.Plan:
    """One program a decoder; the rate is a number inside it."""
    import optax

    from jaxdl import sweep
    from jaxdl.optimizers import adam, schedules

    data, letters, phonemes = load(config)

    def run(decoder: str) -> sweep.Run:
        model = network(decoder, len(letters), len(phonemes), config.features, config.width)

        def build(hparams: dict[str, Any]) -> Any:
            rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(config.steps))
            return reading(model), optax.chain(optax.clip_by_global_norm(1.0), adam(rate))

        return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    programs = {name: run(name) for name in (ONE, ATTENTION)}
    settings = sweep.grid(learning_rate=config.learning_rates)
    trials = sweep.trials(list(programs), settings, range(config.seeds))
    labels = {name: {"model": name} for name in programs}
    return launch.Plan(programs, trials, data, segments=1, labels=labels, keep_states=True)


def reading(model: Any) -> Any:
    """The task, which in evaluation reports the errors of greedy decoding too."""
    from jaxdl.tasks import sequence_to_sequence
    from jaxdl.tasks.token_errors import with_token_errors

    groups = {"errors": LETTERS, "errors_short": SHORT, "errors_long": LONG}
    groups |= {f"errors_{size}": range(size, size + 1) for size in LETTERS}
    return with_token_errors(sequence_to_sequence(model), model, PHONEMES + 1, groups)


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Errors on test at the rates that others chose; the first seed's model is kept."""
    from jaxdl import report, stats

    frame = results.to_pandas()
    best = stats.select(frame, ["model"], "learning_rate", "validation_errors", "min")
    chosen = stats.chosen_trials(frame, best, ["model", "learning_rate"]).sort_values("seed")
    measures = [name for name in chosen if name.startswith("test_errors")]
    chosen = chosen.astype(dict.fromkeys(measures, float))
    claims = judge(chosen)
    header = ("model", "rate", "all words (%)", "short words (%)", "long words (%)")
    groups = chosen.groupby("model", sort=False)
    rows = [
        (name, report.distinct(trials["learning_rate"]), *(
            report.percent(trials[f"test_errors{part}"].mean()) for part in ("", "_short", "_long")
        ))
        for name, trials in groups
    ]  # fmt: skip
    caption = f"Phoneme error rates on unseen words, means over seeds, {report.CHOSEN}."
    table = report.Table(header, tuple(rows), frozenset({1, 2, 3, 4}), caption)
    report.show(table)
    shown = frame.merge(best[["model", "learning_rate"]]).sort_values("seed")
    finished = shown[(shown["model"] == ATTENTION) & (shown["status"] == "ok")]
    pictures = [kept(config, plan, row, workdir) for _, row in finished.head(1).iterrows()]
    parts = (by_length(chosen), table, *pictures)
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    section = report.Section("By decoder, and by the length of the word", parts)
    return launch.Conclusion(claims, [section], headline)


def judge(chosen: Any) -> list[Any]:
    from jaxdl import report, stats

    error, short, long = (
        chosen.pivot(index="seed", columns="model", values=f"test_errors{part}")
        for part in ("", "_short", "_long")
    )
    growth = long - short
    judged = (
        ("S9", "attention lowers the phoneme error rate",
         "error with one context minus error with attention", BETTER,
         (error[ONE], error[ATTENTION])),
        ("S9", "attention takes off a part of the penalty of length",
         "growth of the error from short to long words, one context minus attention", LESS,
         (growth[ONE], growth[ATTENTION])),
        ("S8", "with one context, errors grow with the length of the word",
         "error of long words minus error of short words", GROWS, (long[ONE], short[ONE])),
    )  # fmt: skip
    return [
        report.judge(row, claim, quantity, "1", least, stats.paired_interval(*pair), "above")
        for row, claim, quantity, least, pair in judged
    ]


def by_length(chosen: Any) -> Any:
    """Phoneme error rate against the letters of the word."""
    from jaxdl import report

    curves = chosen.melt(
        ["model", "seed"], [f"test_errors_{size}" for size in LETTERS], "letters", "error"
    )
    curves["letters"] = curves["letters"].str.rsplit("_").str[-1].astype(int)
    figure = report.training_curves(
        curves.assign(words="unseen words"),
        x="letters",
        y="error",
        panel="words",
        line="model",
        title="Errors by length of the word",
        x_label="letters of the word",
        y_label="phoneme error rate (1)",
        y_scale="linear",
    )
    return report.Picture("by_length", report.to_png(figure), "Errors on test by length")


def kept(config: Any, plan: launch.Plan, row: Any, workdir: Path) -> Any:
    """Keeps the trained model, and draws its attention to words of three lengths."""
    data, letters, phonemes = load(config)
    options = {
        "decoder": ATTENTION,
        "letters": len(letters),
        "phonemes": len(phonemes),
        "features": config.features,
        "width": config.width,
    }
    params = plan.replay(row).params
    save(workdir, params, options, letters, phonemes, trial=row["trial"], seed=int(row["seed"]))
    return attention(network(**options), params, data["test"]["x"], letters, phonemes)


def save(
    workdir: Path, params: Any, options: Any, letters: Any, phonemes: Any, **facts: Any
) -> None:
    launch.save_best(
        workdir, params, {}, None, task="sequence_to_sequence", model="pronunciation",
        options=options, input_shape=None, letters=list(letters.words),
        phonemes=list(phonemes.words), **facts,
    )  # fmt: skip


def attention(model: Any, params: Any, words: Any, letters: Any, phonemes: Any) -> Any:
    """What greedy decoding looks at, in the first words of three lengths among `[..., N]`."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from jaxdl import report
    from jaxdl.data.text.vocabulary import PAD, START, content
    from jaxdl.report.alignments import Alignment, alignments
    from jaxdl.tasks.token_errors import greedy

    words = words.reshape(-1, words.shape[-1])
    sizes = (words != PAD).sum(axis=1)
    x = np.stack([words[np.flatnonzero(sizes == size)[0]] for size in DRAWN])

    @jax.jit
    def looked(params: Any, x: Any) -> Any:
        spoken = greedy(model, {"params": params}, x, PHONEMES + 1)
        before = jnp.pad(spoken, [(0, 0), (1, 0)], constant_values=START)[:, :-1]
        return spoken, model.apply({"params": params}, x, x != PAD, before)[1]

    maps = []
    for ids, spoken, weights in zip(x, *map(np.asarray, looked(params, x)), strict=True):
        word = [letters.words[i] for i in content(ids)]
        said = [*(phonemes.words[i] for i in content(spoken)), "end"][: len(spoken)]
        maps.append(Alignment(weights[: len(said), : len(word)], said, word))
    labels = {"output_label": "phoneme said", "input_label": "letter looked at"}
    figure = alignments(maps, title="What is looked at before each phoneme", **labels)
    return report.Picture("attention", report.to_png(figure), "Unseen words, decoded greedily")


def pronounce(workdir: Path, word: str) -> str:
    """The likeliest ways that beam search finds to say a word, with their probabilities."""
    import functools
    import math

    import jax
    import jax.numpy as jnp
    import numpy as np

    from jaxdl import decoding
    from jaxdl.data.text import vocabulary

    loaded = launch.load(workdir, lambda description: reading(network(**description["options"])))
    letters, phonemes = (
        vocabulary.Vocabulary(tuple(loaded.description[name])) for name in ("letters", "phonemes")
    )
    word = word.strip().lower()
    if strange := set(word) - set(letters.ids):
        raise ValueError(f"the model does not know {', '.join(map(repr, sorted(strange)))}")
    if not word:
        raise ValueError("there is no word to pronounce")
    model = network(**loaded.description["options"])
    x = vocabulary.encode(letters, word)[None]

    @jax.jit
    def run(variables: Any, x: Any) -> Any:
        carry = model.apply(variables, x, jnp.ones(x.shape), method="begin")
        step = functools.partial(model.apply, variables, method="step")
        start, length = jnp.full(1, vocabulary.START), 2 * x.shape[1] + 2
        return decoding.beam(step, carry, start, length, width=BEAM, end=vocabulary.END)

    found, scores = (np.asarray(part)[0] for part in run({"params": loaded.params}, x))
    said = [vocabulary.decode(phonemes, vocabulary.content(ids)) for ids in found[:SAID]]
    pairs = zip(said, scores, strict=False)
    return "\n".join(f"{' '.join(spoken)}   ({math.exp(score):.2f})" for spoken, score in pairs)


USES = {"pronounce": launch.Use("A word to say, with what the run has trained.", pronounce)}

if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude, uses=USES), __file__, __doc__ or "")
