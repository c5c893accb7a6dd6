"""What a majority vote needs: members that err independently, and less often than not.

Eleven networks learn breast cancer from labels of which a share is turned over: the same labels for
all of them, or others for each; besides, they differ in their initialization. The members of a
trial are trained by one program; the seed moves everything and is shared. The claims are about 40 %
turned labels, and about 60 %, where members err more often than not.

    python -m experiments.votes --workdir=runs/votes  # 0.5 minutes on 2 cores
"""

import jax
import jax.numpy as jnp
import pandas as pd

from jaxdl import ensembles, keys, launch, report, stats, sweep, tasks, train
from jaxdl.data import scaling
from jaxdl.data.sources import tabular
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Picture, Section
from jaxdl.tasks import noise
from jaxdl.types import Array, PyTree, TrainState

SHARES, ALMOST_EVEN, MOST = (0.0, 0.2, 0.4, 0.6), 0.4, 0.6
GAIN = "gain of the vote over its mean member in test accuracy"
CLAIMS = INDEPENDENT, SHARED, WORSE = (
    Claim("R5", "a vote gains where its members err independently", GAIN,
          above=0.05, unit="points"),
    Claim("R5", "a vote gains less where its members share their errors",
          f"paired difference of the {GAIN}", below=-0.02, unit="points"),
    Claim("R5", "a vote loses where its members err more often than not", GAIN,
          below=-0.02, unit="points"),
)  # fmt: skip


class Config(launch.Config):
    """How many members vote, and how each is trained."""

    steps: int = setting(150, "Training steps of each member, on all examples.", low=1)
    seeds: int = setting(12, "Seeds of each setting.", low=1)
    members: int = setting(11, "Members of an ensemble, an odd number.", low=3)
    hidden: tuple[int, ...] = launch.widths(16)
    learning_rate: float = setting(0.03, "Learning rate of Adam.", low=1e-12)


def plan(config: Config) -> sweep.Plan:
    """One program; the share of turned labels, and whether members share them, are numbers."""
    if config.members % 2 == 0:
        raise launch.UserError(f"config.members: {config.members} members have no majority, be odd")
    table = tabular.load("breast_cancer")
    scale = scaling.fit_per_column(table.train["x"])
    data = {
        split: {"x": scaling.apply(scale, arrays["x"]), "y": arrays["y"]}
        for split, arrays in (("train", table.train), ("test", table.test))
    }
    points = sweep.grid(shared=[0, 1], share=SHARES)
    return sweep.plan({"MLP": (ensemble(config), points)}, data, seeds=config.seeds)


def ensemble(config: Config) -> sweep.Run:
    """The run that trains all members in one step; its parameters are their logits on test."""
    task = tasks.classification(MLP(config.hidden, 2))

    def init(hparams: PyTree, key: Array, data: sweep.Data) -> TrainState:
        logits = jnp.zeros((config.members, len(data["test"]["y"]), 2))
        return TrainState(jnp.zeros((), jnp.int32), key, logits, {}, {})

    def advance(
        hparams: PyTree, state: TrainState, data: sweep.Data
    ) -> tuple[TrainState, dict[str, Array]]:
        rows = data["train"]

        def member(number: Array) -> Array:
            """Logits of one trained network for the test examples."""
            turner = jnp.where(hparams["shared"] > 0, config.members, number)
            turn_key = jax.random.fold_in(keys.named(state.key, "turned labels"), turner)
            seen = noise.flip_labels(rows, turn_key, 2, hparams["share"])
            key = jax.random.fold_in(keys.named(state.key, "members"), number)
            tx, size = adam(config.learning_rate), len(rows["y"])
            trained = train.fit_scan(task, tx, key, seen, steps=config.steps, batch_size=size)
            return task.predict(trained.params, {}, data["test"])

        logits = ensembles.over_members(member, jnp.arange(config.members))
        curves = {"loss": jnp.where(jnp.isfinite(logits).all(), 0.0, jnp.nan)[None]}
        return state._replace(step=state.step + 1, params=logits), curves

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        labels, vote = data["test"]["y"], ensembles.majority_vote(state.params).argmax(-1)
        member = (state.params.argmax(-1) == labels[None]).mean()
        return {"vote": (vote == labels).mean(), "member": member}

    return sweep.Run(init, advance, evaluate)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """What the vote gains over its mean member, by share of turned labels."""
    frame = results.frame()
    frame["gain"] = frame["vote"] - frame["member"]
    gains = frame.pivot(index="seed", columns=["shared", "share"], values="gain")
    independent, shared = gains[0, ALMOST_EVEN], gains[1, ALMOST_EVEN]
    claims = [
        INDEPENDENT.judge(stats.mean_interval(independent)),
        SHARED.judge(stats.paired_interval(shared, independent)),
        WORSE.judge(stats.mean_interval(gains[0, MOST])),
    ]
    return launch.Conclusion(claims, [Section("Votes", (curves(config, frame),))])


def curves(config: Config, frame: pd.DataFrame) -> Picture:
    """Vote, mean member, and the vote as it would be if members erred independently."""
    law = 1 - ensembles.majority_error(1 - frame["member"].to_numpy(), config.members).astype(float)
    lines = {"mean member": frame["member"], "vote": frame["vote"], "law": law}
    rows = pd.concat(
        [frame.assign(line=name, accuracy=100 * value) for name, value in lines.items()],
        ignore_index=True,
    )
    rows["share"] *= 100
    rows["labels"] = rows["shared"].map({0: "turned for each member", 1: "turned once for all"})
    title = "A vote of networks that learn from labels of which a share is turned over"
    figure = report.training_curves(
        rows,
        x="share", y="accuracy", panel="labels", line="line", title=title, y_scale="linear",
        x_label="labels turned over (%)", y_label="test accuracy (%)",
    )  # fmt: skip
    caption = "Law: the majority if members erred independently, each at their mean rate."
    return Picture("votes", figure, title, caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
