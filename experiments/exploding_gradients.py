"""When do gradients explode in an Elman network, and does clipping save its training?

The recurrent matrix is σ times a random orthogonal one, so that σ is its largest singular value.
Before training: the largest singular value of ∂h_T/∂h_0, mean of the logarithms over sequences of
white noise. It is at most (γσ)^T, where γ = 1 is the steepest slope of tanh, so that σ > 1/γ is
needed for an explosion (Pascanu et al. 2013, https://arxiv.org/abs/1211.5063); is it enough? Then
SGD trains the network to echo its input two steps later. A run has failed if it diverged or ended
worse than answering 0. Scale, clipping norm, rate and seed are numbers in one program.

Claims: below 1/γ the gradient shrinks tenfold or more over T steps, above it grows tenfold or more
(each σ by itself, *depends* where they disagree); clipping to norm 1 makes failures 10 points rarer
or more, over all σ and rates alike.

Command: python -m experiments.exploding_gradients --workdir=runs/exploding_gradients
Minutes: 1 on 2 cores.
Last result: 2026-11-21, 2-core Xeon (busy, 76 s), jax 0.10.2, 8 seeds; decades over 50 steps. Below
1/γ, σ = 0.5 and 0.8: -18.3 and -9.0, holds. Above it depends: σ = 1.25: -1.90 [-2.28, -1.51], 1.5:
0.31 [0.00, 0.61], 2: 3.29 [2.97, 3.61]: the slope of tanh at work is below 1, and σ > 1/γ is not
enough. Failed: 52 % without clipping, 14 % with it, 0.38 [0.29, 0.47] less, holds. Without clipping
all failures are divergence, at rate 1 always; at rate 0.3 more often below σ = 1 than right above
it, so that what clipping tames is mostly too long a step and not an explosion through time.
"""

from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(200, "Training steps of each trial.", low=1),
    "seeds": Field(8, "Seeds of each setting.", low=2),
    "scales": Field((0.5, 0.8, 1.0, 1.25, 1.5, 2.0), "Largest singular values σ.", low=1e-6),
    "learning_rates": Field((0.1, 0.3, 1.0), "Rates of SGD.", low=1e-12),
    "clips": Field((0.0, 1.0), "Largest norms of a gradient; 0: no clipping.", low=0.0),
    "length": Field(50, "Steps T of a sequence.", low=3),
    "hidden": Field(32, "Units of the network.", low=1),
}  # fmt: skip
DELAY, SEQUENCES, LOOKED_AT = 2, 2048, 4
TENFOLD, RARER, JUDGED = 1.0, 0.1, 1.0


def plan(config: Any) -> launch.Plan:
    """One program; all that differs between trials is a number."""
    import numpy as np

    from jaxdl import sweep
    from jaxdl.data import batches

    x = np.random.default_rng(0).uniform(-1, 1, (SEQUENCES, config.length, 1)).astype(np.float32)
    y = np.zeros_like(x)
    y[:, DELAY:] = x[:, :-DELAY]
    test = {"x": x[:512], "y": y[:512]}
    data = {"train": {"x": x[512:], "y": y[512:]}, "test": batches.padded_batches(test, 128)}
    settings = sweep.grid(
        scale=config.scales, clip=config.clips, learning_rate=config.learning_rates
    )
    trials = sweep.trials(["elman"], settings, range(config.seeds))
    return launch.Plan({"elman": _run(config)}, trials, data, segments=1)


def _run(config: Any) -> Any:
    import jax.numpy as jnp
    import optax

    from jaxdl import losses, sweep, tasks
    from jaxdl.layers.cells import ELMAN
    from jaxdl.layers.recurrent import RNN
    from jaxdl.models import Transducer
    from jaxdl.optimizers import clip_by_global_norm, sgd

    body = RNN(config.hidden, ELMAN)
    task = tasks.regression(
        Transducer(1, body), loss=lambda found, y: losses.squared_error(found[1], y)
    )

    def build(hparams: dict[str, Any]) -> Any:
        bound = jnp.where(hparams["clip"] > 0, hparams["clip"], jnp.inf)
        return task, optax.chain(clip_by_global_norm(bound), sgd(hparams["learning_rate"]))

    run = sweep.make_run(build, steps=config.steps, batch_size=32)

    def init(hparams: dict[str, Any], key: Any, data: Any) -> Any:
        state = run.init(hparams, key, data)
        layer = dict(state.params["body"])
        layer["recurrent_kernel"] *= hparams["scale"]
        _, h = body.apply({"params": layer}, data["train"]["x"][:LOOKED_AT])
        growth = _growth(layer["recurrent_kernel"], h)
        return state._replace(params={**state.params, "body": layer}, model_state=growth)

    def advance(hparams: dict[str, Any], state: Any, data: Any) -> Any:
        after, curves = run.advance(hparams, state._replace(model_state={}), data)
        return after._replace(model_state=state.model_state), curves

    def evaluate(hparams: dict[str, Any], state: Any, data: Any) -> dict[str, Any]:
        growth = {f"growth_{t + 1}": state.model_state[t] for t in range(config.length)}
        return growth | run.evaluate(hparams, state._replace(model_state={}), data)

    return sweep.Run(init, advance, evaluate)


def _growth(recurrent: Any, h: Any) -> Any:
    """log10 of the largest singular value of ∂h_t/∂h_0 for states `[B, T, H]`: its mean `[T]`."""
    import jax
    import jax.numpy as jnp

    def step(product: Any, now: Any) -> Any:
        # h' = tanh(h U + a), so that ∂h'/∂h is diag(1 − h'²) Uᵀ.
        product = (1 - now[:, None] ** 2) * (recurrent.T @ product)
        return product, jnp.linalg.norm(product, 2)

    identity = jnp.eye(len(recurrent))
    sizes = jax.lax.map(lambda states: jax.lax.scan(step, identity, states)[1], h)
    return jnp.log10(jnp.maximum(sizes, jnp.finfo(sizes.dtype).tiny)).mean(axis=0)


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Growth over T steps by σ, and shares of failed runs, paired over seeds."""
    import numpy as np

    from jaxdl import report

    frame = results.to_pandas()
    rest = plan.data["test"]
    baseline = float(
        (np.square(rest["y"]).mean(axis=(2, 3)) * rest["mask"]).sum() / rest["mask"].sum()
    )
    # A diverged trial has no loss, and so it is not below the baseline.
    failed = ~(frame["test_loss"].astype(float) < baseline)
    frame = frame.assign(failed=failed.astype(float), loss=frame["test_loss"].astype(float))
    claims = [*_growth_claims(config, frame), *_clipping_claims(config, frame)]
    table = _table(frame, baseline)
    report.show(table)
    sections = [
        report.Section("Before training", (_growth_picture(config, frame),)),
        report.Section("Training", (_failures(config, frame), table)),
    ]
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(claims, sections, headline)


def _new(config: Any, frame: Any) -> Any:
    """One row a scale and seed: the network is the same at all rates and clippings."""
    columns = {f"growth_{t + 1}": float for t in range(config.length)}
    kept = frame.dropna(subset=list(columns)).drop_duplicates(["scale", "seed"])
    return kept.astype(columns).copy()


def _growth_claims(config: Any, frame: Any) -> Any:
    from jaxdl import report, stats

    new = _new(config, frame)
    quantity = f"log10 of the largest singular value of ∂h_T/∂h_0, T = {config.length}"
    for above in (False, True):
        claims = []
        for scale in config.scales:
            values = new.loc[new["scale"] == scale, f"growth_{config.length}"]
            if values.empty or scale == 1 or (scale > 1) is not above:
                continue
            words = "grows" if above else "shrinks"
            sentence = f"σ = {scale:g}: the gradient {words} tenfold over {config.length} steps"
            limits: Any = (TENFOLD, "above") if above else (-TENFOLD, "below")
            interval = stats.mean_interval(values)
            threshold, side = limits
            claims.append(
                report.judge("S4", sentence, quantity, "decades", threshold, interval, side)
            )
        yield from report.depends(claims)


def _clipping_claims(config: Any, frame: Any) -> Any:
    from jaxdl import report, stats

    shares = frame.pivot_table(index="seed", columns="clip", values="failed")
    if not {0.0, JUDGED} <= set(config.clips):
        return
    yield report.judge(
        "S4",
        f"clipping to norm {JUDGED:g} reduces the share of failed runs, all σ and rates alike",
        "share failed without clipping, less that with it",
        "1",
        RARER,
        stats.paired_interval(shares[0.0], shares[JUDGED]),
        "above",
    )


def _table(frame: Any, baseline: float) -> Any:
    from jaxdl import report

    rows = []
    for clip, mine in frame.groupby("clip"):
        best = mine.groupby(["scale", "learning_rate"])["loss"].agg(
            lambda loss: loss.mean(skipna=False)
        )
        diverged = mine["status"].eq("diverged").mean()
        shares = (mine["failed"].mean(), diverged)
        rows.append(
            (
                _name(clip),
                str(len(mine)),
                *map(report.percent, shares),
                report.number(best.min(), 3),
            )
        )
    header = (
        "clipping",
        "trials",
        "failed (%)",
        "diverged (%)",
        "lowest mean squared error",
    )
    caption = (
        f"Answering 0 has a mean squared error of {baseline:.3f}; the lowest of all σ and rates."
    )
    return report.Table(header, tuple(rows), frozenset({1, 2, 3, 4}), caption)


def _name(clip: float) -> str:
    return f"norm {clip:g}" if clip else "none"


def _failures(config: Any, frame: Any) -> Any:
    from jaxdl import report
    from jaxdl.report.style import house_style, line_styles, new_figure

    title = "Runs that diverged or ended worse than answering 0"
    styles = line_styles(list(config.clips))
    shares = 100 * frame.groupby(["learning_rate", "clip", "scale"])["failed"].mean()
    with house_style():
        figure = new_figure(3.4, title)
        panels = figure.subplots(1, len(config.learning_rates), sharey=True, squeeze=False)[0]
        for axes, rate in zip(panels, config.learning_rates, strict=True):
            for clip in config.clips:
                mine = shares[rate, clip]
                axes.plot(mine.index, mine, label=f"clipping: {_name(clip)}", **styles[clip])
            axes.axvline(1, color="#777777", linestyle=":")
            axes.set_title(f"rate {rate:g}", loc="left")
            axes.set_ylim(-3, 103)
            axes.set_xlabel("largest singular value σ (1)")
        panels[0].set_ylabel("share of seeds (%)")
        keys = panels[0].get_legend_handles_labels()
        figure.legend(*keys, loc="outside lower center", ncols=4)
    caption = f"{config.seeds} seeds; dotted: σ = 1/γ."
    return report.Picture("failures", report.to_png(figure), title, caption)


def _growth_picture(config: Any, frame: Any) -> Any:
    import pandas as pd

    from jaxdl import report
    from jaxdl.report import panels, style

    new = _new(config, frame)
    long = pd.concat([
        new[["scale", "seed"]].assign(
            panel=f"{config.hidden} units", steps=t, size=10.0 ** new[f"growth_{t}"]
        )
        for t in range(1, config.length + 1)
    ]).sort_values(["scale", "steps"])  # fmt: skip
    long["σ"] = long["scale"].map("{:g}".format)
    with style.house_style():
        figure, _ = panels.small_multiples(
            long, "steps", "size", "panel", "σ",
            title="Gradient of the state over T steps, before training",
            x_label="T (steps)", y_label="largest singular value of ∂h_T/∂h_0 (1)",
            x_scale="linear", y_scale="log", marker_every=0.2, heights=(3.4,),
        )  # fmt: skip
    caption = "Geometric mean over sequences; lines: mean over the seeds; bands: all seeds."
    return report.Picture("growth", report.to_png(figure), "Gradient over T steps", caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
