"""A run that is cut into sessions, in one process; tests/faults kills real ones."""

import json
import os
import resource
import signal
import threading

import jax
import numpy as np
import optax
import pytest
from support import streams
from support.streams import DATA, STEPS, TASK, TX, Listed, after, events, fit, lines, of_rows, rows

from jaxdl import checkpoint, params, streaming, train
from jaxdl.streaming import Evaluation
from jaxdl.streaming.saving import Saver
from jaxdl.types import Task


def names(folder):
    return sorted(path.name for path in folder.glob("step_*"))


def loss(state):
    return {"loss": np.mean((DATA["x"] @ state.params["kernel"] - DATA["y"]) ** 2)}


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """On a busy machine a checkpoint is due before the one of before is written."""
    save = Saver.save

    def and_wait(self, *arguments):
        save(self, *arguments)
        self.wait()

    monkeypatch.setattr(Saver, "save", and_wait)


WATCHED = Evaluation(loss, 6, "loss", "min")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("whole") / "run"
    return workdir, fit(workdir, evaluation=WATCHED, config={"rate": 0.1})


def test_it_trains_as_a_plain_loop_does(whole):
    workdir, state = whole
    begun, batches, metrics = (
        streams.initial(TASK, TX, jax.random.key(streams.SEED), DATA),
        streams.data(),
        [],
    )
    for expected, found in train.fit(TASK, TX, begun, batches):
        metrics.append(float(found["loss"]))
        if len(metrics) == STEPS:
            break
    assert params.digest(state) == params.digest(expected)
    logged = {row["step"]: row["train/loss"] for row in rows(workdir) if "train/loss" in row}
    ends = [5, 10, 15, 20, 23]
    means = {end: np.mean(metrics[end - (end - 1) % 5 - 1 : end]) for end in ends}
    assert logged == pytest.approx(means, rel=1e-6)
    assert names(workdir / "checkpoints")[-1] == f"step_{STEPS:08d}"
    assert json.loads((workdir / "config.json").read_text()) == {"rate": 0.1, "steps": STEPS}
    trained = [row for row in streams.lines(workdir) if "train/loss" in row]
    assert all(row["speed/step_seconds"] > 0 for row in trained)
    assert events(workdir) == of_rows(workdir)


def test_stopped_after_every_few_steps_it_ends_with_the_same_bits_and_rows(tmp_path, whole):
    options = {"evaluation": WATCHED, "config": {"rate": 0.1}}
    for _ in range(5):
        with pytest.raises(streaming.Interrupted) as stopped:
            fit(tmp_path, stop=after(4), **options)
        assert stopped.value.code == 75
    state = fit(tmp_path, **options)
    assert params.digest(state) == params.digest(whole[1])
    assert rows(tmp_path) == rows(whole[0])
    assert events(tmp_path) == of_rows(tmp_path)
    assert names(tmp_path / "best") == names(whole[0] / "best")


def test_what_was_written_behind_the_checkpoint_is_written_once(tmp_path, whole):
    # Whether one is due while another is written is a matter of time: step 9 stays however many.
    options = {"evaluation": WATCHED, "config": {"rate": 0.1}, "keep": STEPS}
    with pytest.raises(streaming.Interrupted):
        fit(tmp_path, **options, stop=after(9))
    fit(tmp_path, **options)
    # As if killed at its end, with no checkpoint since step 9, and half a row and event on disk.
    for path in (tmp_path / "checkpoints").iterdir():
        if path.name != "step_00000009":
            os.rename(path, tmp_path / path.name)
    newest = max((tmp_path / "tb").iterdir(), key=lambda path: int(path.suffix[1:]))
    for path in (tmp_path / "metrics.jsonl", newest):
        path.write_bytes(path.read_bytes() + b'{"step": 4')
    fit(tmp_path, **options)
    assert rows(tmp_path) == rows(whole[0])
    assert events(tmp_path) == of_rows(tmp_path)


def test_a_finished_run_started_again_says_so_and_changes_nothing(whole, capsys):
    workdir, state = whole
    before = {path: path.stat().st_mtime_ns for path in workdir.rglob("*") if path.is_file()}
    draft = workdir / ".config.json.1234.draft"  # of a process that was killed
    draft.touch()
    again = fit(workdir, evaluation=WATCHED, config={"rate": 0.1})
    assert not draft.exists()
    assert params.digest(again) == params.digest(state)
    assert "is complete: 23 steps" in capsys.readouterr().err
    del before[workdir / ".lock"]
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": {"rate": 0.2}}, r"rate \(0.1 there, 0.2 here\)"),
        ({"steps": 30}, r"steps \(23 there, 30 here\)"),
        ({"batches": streams.data(seed=1)}, "the first batch of the data"),
        ({"batches": streams.data(batch_size=4)}, "the first batch of the data.*; the program"),
        # The states of these two look alike, and only the program tells them apart.
        ({"tx": optax.adamax(0.1)}, "conditions: the program"),
        ({"tx": optax.adam(0.2)}, "conditions: the program"),
    ],
)
def test_other_conditions_are_refused(whole, changes, message):
    with pytest.raises(streaming.Refused, match=message) as refused:
        fit(whole[0], **{"evaluation": WATCHED, "config": {"rate": 0.1}, **changes})
    assert "\n" not in str(refused.value)


def test_a_change_can_be_allowed(tmp_path):
    with pytest.raises(streaming.Interrupted):
        fit(tmp_path, evaluation=WATCHED, stop=after(12))
    fit(tmp_path, evaluation=WATCHED, tx=optax.adam(0.0), allow_config_change=True, config={"a": 1})
    # Whatever was best before was so under other conditions.
    assert names(tmp_path / "best") == ["step_00000018"]
    assert json.loads((tmp_path / "config.json").read_text()) == {"a": 1, "steps": STEPS}


def test_no_intact_checkpoint_is_an_error_and_never_a_fresh_start(tmp_path):
    with pytest.raises(streaming.Interrupted):
        fit(tmp_path, stop=after(9))
    before = rows(tmp_path)
    for path in (tmp_path / "checkpoints").iterdir():
        (path / "contents.json").write_text("{}")
    with (
        pytest.warns(UserWarning, match="contents.json is not as it was sealed"),
        pytest.raises(checkpoint.CheckpointError, match=r"no checkpoint in .* is intact"),
    ):
        fit(tmp_path)
    assert rows(tmp_path) == before


def test_metrics_without_a_checkpoint_are_dropped_with_a_warning(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 5}\n')
    with pytest.warns(UserWarning, match="has metrics and no checkpoint: it begins anew"):
        fit(tmp_path, steps=2)
    assert [row["step"] for row in rows(tmp_path)] == [2]


# What is not finite


def test_a_loss_that_is_not_finite_ends_the_run_and_is_not_saved(tmp_path):
    batches = streams.data()
    broken = [dict(next(batches)) for _ in range(STEPS)]
    broken[9]["y"] = broken[9]["y"] + np.float32("nan")
    for _ in range(2):  # the second session begins behind the checkpoint, and ends likewise
        with pytest.raises(
            streaming.Diverged, match="not finite at step 10; the newest checkpoint is of step 8"
        ):
            fit(tmp_path, batches=Listed(broken), log_steps=100)
        assert names(tmp_path / "checkpoints") == ["step_00000004", "step_00000008"]
    assert rows(tmp_path) == []


def test_parameters_that_are_not_finite_are_not_saved(tmp_path):
    bad = optax.GradientTransformation(
        lambda params: np.zeros((), np.int32),
        lambda updates, count, params: (
            jax.tree.map(lambda leaf: leaf * np.float32(1) / (count < 7), updates),
            count + 1,
        ),
    )
    with pytest.raises(
        streaming.Diverged, match=r"a parameter is not finite after step 8; .* step 4"
    ):
        fit(tmp_path, tx=bad, steps=8)
    assert names(tmp_path / "checkpoints") == ["step_00000004"]


@pytest.mark.parametrize(("mode", "expected"), [("max", 12), ("min", 20)])
def test_nan_is_never_the_best(tmp_path, mode, expected):
    scores = {4: np.nan, 8: 2.0, 12: 3.0, 16: np.nan, 20: 1.0, 23: np.nan}

    def measure(state):
        return {"score": scores[int(state.step)]}

    state = fit(tmp_path, evaluation=Evaluation(measure, 4, "score", mode))
    found = checkpoint.restore(tmp_path / "best", state)
    assert names(tmp_path / "best") == [f"step_{expected:08d}"]
    assert (found.step, found.meta) == (expected, {"score": scores[expected]})
    assert int(found.tree.step) == expected
    assert [r["evaluation/score"] for r in rows(tmp_path) if "train/loss" not in r] == [
        None if np.isnan(score) else score for score in scores.values()
    ]


# Disks


def test_training_does_not_wait_for_the_disk(tmp_path, monkeypatch):
    monkeypatch.undo()  # it is not patient
    written, save = threading.Event(), checkpoint.save

    def slow(*arguments, **options):
        assert written.wait(60)
        return save(*arguments, **options)

    def measure(state):
        written.set()  # after step 20, when the checkpoint of step 4 is still being written
        return {}

    monkeypatch.setattr(checkpoint, "save", slow)
    fit(tmp_path, evaluation=Evaluation(measure, 20), keep=9)
    assert names(tmp_path / "checkpoints")[0] == "step_00000004"
    assert names(tmp_path / "checkpoints")[-1] == "step_00000023"


@pytest.mark.parametrize("step", [4, STEPS])
def test_a_save_that_fails_is_raised(tmp_path, monkeypatch, step):
    save = checkpoint.save

    def failing(directory, number, *arguments, **options):
        if number == step:
            raise OSError("no space left")
        return save(directory, number, *arguments, **options)

    monkeypatch.setattr(checkpoint, "save", failing)
    with pytest.raises(OSError, match="no space left"):
        fit(tmp_path)


def test_a_full_disk_ends_the_run_and_spares_the_checkpoint(tmp_path, whole):
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(state):
        resource.setrlimit(resource.RLIMIT_FSIZE, (50, limits[1]))
        return {}

    try:
        with pytest.raises(OSError, match="File too large"):
            fit(tmp_path, config={"rate": 0.1}, evaluation=Evaluation(fill, 13), log_steps=100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert names(tmp_path / "checkpoints")[-1] == "step_00000012"
    state = fit(tmp_path, config={"rate": 0.1}, evaluation=WATCHED)
    assert params.digest(state) == params.digest(whole[1])


# Mistakes


def test_a_workdir_that_is_used_or_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(streaming.Refused, match="file cannot be used: File exists"):
        fit(tmp_path / "file")
    with checkpoint.lock(tmp_path), pytest.raises(checkpoint.WorkdirBusy):
        fit(tmp_path)
    (tmp_path / "config.json").write_text("[")
    with pytest.raises(streaming.Refused, match=r"config\.json cannot be read"):
        fit(tmp_path)


@pytest.mark.parametrize(
    ("last", "message"),
    [((), "the data end after 6 of 23 steps"), (({"x": DATA["x"]},), "'y'")],
    ids=["the data end", "a batch fails"],
)
def test_a_row_that_is_pending_is_written_before_what_fails(tmp_path, last, message):
    with pytest.raises((ValueError, KeyError), match=message):
        fit(tmp_path, batches=Listed([*[DATA] * 6, *last]), log_steps=3)
    assert [row["step"] for row in lines(tmp_path)] == [3, 6]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"steps": 0}, ValueError, "^steps must be 1 or more, not 0"),
        ({"keep": 0}, ValueError, "^keep must be"),
        ({"evaluation": Evaluation(loss, 0)}, ValueError, "^evaluation.steps must be"),
        ({"evaluation": Evaluation(loss, 1, "a", "best")}, ValueError, "^mode is 'max' or 'min'"),
        ({"evaluation": Evaluation(loss, 1, "accuracy")}, ValueError, "'accuracy' is none of loss"),
        ({"batches": [DATA]}, TypeError, "a list_iterator has no get_state and set_state"),
        ({"batches": Listed([])}, ValueError, "batches is empty"),
        ({"batches": Listed([DATA] * 3)}, ValueError, "the data end after 3 of 23 steps"),
    ],
)
def test_mistakes_are_one_line(tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        fit(tmp_path, **options)


def test_utilization_counts_what_a_step_multiplies_in_every_turn_of_its_loops(tmp_path):
    def objective(params, model_state, batch, key, *, train):
        turned = jax.lax.scan(lambda x, _: (x @ params["w"], None), batch["x"], length=5)[0]
        loss = (turned**2).mean()
        return loss, (model_state, {"loss": (loss, 1.0)})

    def init(key, batch):
        width = batch["x"].shape[1]
        return {"w": np.eye(width, dtype=np.float32)}, {}

    task = Task(init, objective, lambda params, model_state, batch: batch["x"])
    begun = streams.initial(task, TX, jax.random.key(0), DATA)
    streaming.fit(
        task, TX, begun, streams.data(), workdir=tmp_path / "run", steps=6, log_steps=2,
        peak_flops=1e9,
    )  # fmt: skip
    width, batch = DATA["x"].shape[1], 8
    last = lines(tmp_path / "run")[-1]
    # Five turns, each a product there, one back by the weights and one by what it was given.
    product = 2 * batch * width * width
    by_hand = {turns * product for turns in (14, 15)}  # the first is given no gradient
    found = last["speed/flops_utilization"] * last["speed/step_seconds"] * 1e9
    assert min(abs(found - each) for each in by_hand) < 1
