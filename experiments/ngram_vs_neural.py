"""Counting or learning: n-gram models against a neural network that sees the same words before.

Documentation in words: of the n − 1 words before, the next one is predicted by an interpolated
n-gram model with Kneser–Ney smoothing, its discount chosen on validation for every n, and by
Bengio's network, its rate chosen there too. Both see the same training documents, and a word
outside the vocabulary is one and the same unknown word to both. Then by a mixture of the two, λ of
the network and 1 − λ of the counts, λ chosen on validation. A seed moves the network's
initialization and batches. Equal documents are in one part only, but passages of documentation
repeat each other word for word across documents; how many is in the report.

Claims: for every n the network needs at least 0.05 bits a word less than the n-gram model; for
every n the mixture does.

Command: python -m experiments.ngram_vs_neural --workdir=runs/ngram_vs_neural
Minutes: 4 on 2 cores.
Last result: 2026-11-21, 2-core Xeon (shared, 262 s), jax 0.10.2. Bits gained by the network for
n = 2 … 5: −0.15, −0.30, −0.38, −0.46, fails; by the mixture: 0.03, 0.10, 0.11, 0.12, below 0.05 at
n = 2 only: depends. 4.66 bits of the 5-gram model, 5.12 of the network, 4.54 of the mixture.
"""

from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(1200, "Training steps of each trial.", low=1),
    "seeds": Field(3, "Seeds of each setting.", low=1),
    "batch_size": Field(256, "Words predicted in a step.", low=1),
    "learning_rates": Field((1e-2, 2e-2, 4e-2), "Peak rates of Adam to try.", low=1e-12),
    "orders": Field((2, 3, 4, 5), "n of the n-grams; the network sees n − 1 words.", low=2, high=5),
    "vocabulary": Field(2000, "Words, the special ones among them.", low=10),
    "words": Field(200_000, "Words of documentation to use.", low=10_000),
    "features": Field(32, "Numbers in a word's vector.", low=1),
    "hidden": Field(128, "Units of the hidden layer.", low=1),
}
DISCOUNTS = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
COUNTS, NETWORK, MIXTURE = "counts", "network", "mixture"
BITS = 0.05


def texts(config: Any) -> Any:
    """Train, validation and test: whole documents in an order that mixes the packages."""
    import numpy as np

    from jaxdl.data.sources import documents
    from jaxdl.data.text import tokenizers

    found = documents.docstrings()
    kept, size = [], 0
    for place in np.random.default_rng(0).permutation(len(found)):
        if (size := size + len(tokenizers.words(found[place]))) > config.words:
            break
        kept.append(found[place])
    return documents.split(kept)


def windows(config: Any) -> tuple[dict[str, Any], int]:
    """Every word behind as many as the longest context has, `[M, n]` a part, and the vocabulary's
    size; documents begin with <start> and end with <end>.
    """
    from jaxdl.data.text import tokenizers, vocabulary
    from jaxdl.models import ngram

    parts = {
        name: [tokenizers.words(text) for text in part]
        for name, part in texts(config)._asdict().items()
    }
    known = vocabulary.build((w for text in parts["train"] for w in text), config.vocabulary)
    ids = {
        name: [vocabulary.framed(vocabulary.encode(known, text))[1:] for text in part]
        for name, part in parts.items()
    }
    order, start = max(config.orders), vocabulary.START
    return {name: ngram.windows_of(part, order, start) for name, part in ids.items()}, len(known)


def n_grams(config: Any, parts: dict[str, Any], size: int) -> dict[int, dict[str, Any]]:
    """Of each n: log p in nats of every held-out word, at the discount best on validation."""
    from jaxdl.models import ngram

    found = {}
    for n in config.orders:
        own = {name: windows[:, -n:] for name, windows in parts.items()}
        counts = ngram.fit(own["train"], size)
        tried = {d: ngram.kneser_ney(counts, own["validation"], d) for d in DISCOUNTS}
        best = max(tried, key=lambda discount: tried[discount].mean())
        test = ngram.kneser_ney(counts, own["test"], best)
        found[n] = {"validation": tried[best], "test": test, "discount": best}
    return found


def plan(config: Any) -> launch.Plan:
    """One program; n, rate and seed are numbers inside it."""
    import numpy as np

    from jaxdl import sweep
    from jaxdl.data import batches
    from jaxdl.models import WindowNetwork
    from jaxdl.optimizers import adam, schedules

    parts, size = windows(config)
    counted = n_grams(config, parts, size)
    data: dict[str, Any] = {}
    for name, rows in parts.items():
        arrays = {"x": rows[:, :-1].astype(np.int32), "y": rows[:, -1].astype(np.int32)}
        if name == "train":
            data[name] = arrays
        else:
            columns = np.zeros((len(rows), max(config.orders)), np.float32)
            for n in config.orders:
                columns[:, n - 1] = counted[n][name]
            arrays["counted"] = columns
            data[name] = batches.padded_batches(arrays, config.batch_size)

    model = WindowNetwork(size, config.features, config.hidden, size)

    def build(hparams: dict[str, Any]) -> Any:
        rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(config.steps))
        return shortened(model, hparams["n"] - 1), adam(rate)

    run = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)
    settings = sweep.grid(n=config.orders, learning_rate=config.learning_rates)
    trials = sweep.trials(["network"], settings, range(config.seeds))
    return launch.Plan({"network": run}, trials, data, segments=1)


def shortened(model: Any, context: Any) -> Any:
    """Classification of the next word from the last words alone, with the losses of mixtures.

    What stands further away is <start> in every example: a constant, which adds to the biases.
    Evaluation batches have `counted [B, n]`, log p of the word by counts of 1 … n words.
    """
    import jax.numpy as jnp

    from jaxdl import losses, metrics, tasks
    from jaxdl.data.text import vocabulary

    plain = tasks.classification(model)

    def cut(batch: Any) -> Any:
        x = batch["x"]
        far = x.shape[1] - jnp.arange(x.shape[1]) > context
        return {**batch, "x": jnp.where(far[None], vocabulary.START, x)}

    def loss(params: Any, model_state: Any, batch: Any, key: Any, *, train: bool) -> Any:
        value, (after, found) = plain.loss(params, model_state, cut(batch), key, train=train)
        if not train:
            learned = -losses.softmax_cross_entropy(predict(params, model_state, batch), batch["y"])
            counted = batch["counted"][:, jnp.asarray(context, jnp.int32)]
            for share in SHARES:
                mixed = jnp.logaddexp(jnp.log(share) + learned, jnp.log1p(-share) + counted)
                found = {**found, f"mixture_{share}": metrics.mean(-mixed, batch["mask"])}
        return value, (after, found)

    def predict(params: Any, model_state: Any, batch: Any) -> Any:
        return plain.predict(params, model_state, cut(batch))

    return plain._replace(loss=loss, predict=predict)


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Bits a word on test of counts, network and mixture, everything chosen on validation."""
    import pandas as pd

    from jaxdl import report, stats
    from jaxdl.models import ngram

    frame = results.to_pandas().astype({"n": int})
    best = stats.select(frame, ["n"], "learning_rate", "validation_loss", "min")
    chosen = stats.chosen_trials(frame, best, ["n", "learning_rate"])
    parts, size = windows(config)
    counted = n_grams(config, parts, size)
    bits: list[dict[str, Any]] = []
    claims: dict[str, list[Any]] = {NETWORK: [], MIXTURE: []}
    rows = []
    for n in config.orders:
        mine = chosen[chosen["n"].eq(n)].sort_values("seed")
        share = _share(mine)
        of_counts = ngram.bits(counted[n]["test"])
        test = {NETWORK: _bits(mine["test_loss"]), MIXTURE: _bits(mine[f"test_mixture_{share}"])}
        for name, values in test.items():
            claims[name].append(_claim(name, n, stats.mean_interval(of_counts - values)))
            bits += [
                {"n": n, "model": name, "seed": seed, "bits": value}
                for seed, value in enumerate(values)
            ]
        bits += [
            {"n": n, "model": COUNTS, "seed": seed, "bits": of_counts} for seed in range(len(mine))
        ]
        rates, discount = report.distinct(mine["learning_rate"]), counted[n]["discount"]
        means = (of_counts, test[NETWORK].mean(), test[MIXTURE].mean())
        settings = (f"{discount:g}", rates, f"{share:g}")
        rows.append((str(n), *(report.number(mean, 4) for mean in means), *settings))
    header = ("n", COUNTS, NETWORK, MIXTURE, "discount", "rate", "λ of the network")
    epochs = config.steps * config.batch_size / len(parts["train"])
    unknown, repeated = _shares(config, parts)
    caption = (
        f"Test bits a word, of the network means over {config.seeds} seeds, {report.CHOSEN}; "
        f"discount and λ chosen there too. {len(parts['train']):,} words to train on, which the "
        f"network passes over {epochs:.2g} times, {len(parts['test']):,} to test on; "
        f"{100 * unknown:.0f} % of these are unknown words. {100 * repeated:.0f} % of the test "
        "documents' text is in paragraphs that stand word for word in training documents."
    )
    table = report.Table(header, tuple(rows), frozenset(range(7)), caption)
    report.show(table)
    sections = [report.Section("By the words before", (_picture(pd.DataFrame(bits)), table))]
    everything = [claim for found in claims.values() for claim in report.depends(found)]
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in everything)
    return launch.Conclusion(everything, sections, headline)


def _bits(nats: Any) -> Any:
    import math

    return nats.astype(float).to_numpy() / math.log(2)


def _share(trials: Any) -> float:
    """λ with the lowest mean validation loss over the seeds."""
    means = trials[[f"validation_mixture_{share}" for share in SHARES]].astype(float).mean()
    return SHARES[int(means.fillna(float("inf")).to_numpy().argmin())]


def _claim(name: str, n: int, interval: Any) -> Any:
    from jaxdl import report

    return report.judge(
        "E4",
        f"the {name} beats the n-gram model at n = {n}",
        f"bits of the n-gram model minus those of the {name}",
        "bit a word",
        BITS,
        interval,
        "above",
    )


def _shares(config: Any, parts: dict[str, Any]) -> tuple[float, float]:
    """Of the test words those that are unknown, of the test text that in repeated paragraphs."""
    from jaxdl.data.sources import documents
    from jaxdl.data.text import vocabulary

    found = texts(config)
    seen = {paragraph for text in found.train for paragraph in documents.paragraphs(text)}
    tested = [paragraph for text in found.test for paragraph in documents.paragraphs(text)]
    repeated = sum(len(paragraph) for paragraph in tested if paragraph in seen)
    unknown = float((parts["test"][:, -1] == vocabulary.UNKNOWN).mean())
    return unknown, repeated / sum(map(len, tested))


def _picture(frame: Any) -> Any:
    from jaxdl import report
    from jaxdl.report import panels, style

    with style.house_style():
        figure, cells = panels.small_multiples(
            frame.assign(text="held-out documents"), "n", "bits", "text", "model",
            title="Prediction of the next word from n − 1 words",
            x_label="n", y_label="test cross-entropy (bits a word)",
            x_scale="linear", y_scale="linear", marker_every=1, heights=(2.8,),
        )  # fmt: skip
        for axes, *_ in cells.values():
            axes.set_xticks(sorted(frame["n"].unique()))
    caption = "Lines: mean over seeds; bands: lowest to highest. Lower is better."
    return report.Picture("bits", report.to_png(figure), "Bits a word by n", caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
