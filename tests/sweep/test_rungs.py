"""Successive halving: what the rule sees, who goes on, and with which bits."""

import shutil

import jax
import numpy as np
import pandas as pd
import pytest
from support import tiny_sweep as tiny
from support.compiling import compiled as counted
from support.stopping import Stop

from jaxdl import checkpoint, sweep
from jaxdl.optimizers import adam

TRIALS = [trial for trial in tiny.TRIALS if trial.program == "adam"]
BEST = sweep.Halving([2, 4], sweep.Best("validation_loss", 0.5))


def program(factory):
    return sweep.make_run(
        lambda hparams: (tiny.task(hparams), factory(hparams["learning_rate"])),
        steps=2,
        batch_size=tiny.BATCH,
    )


ADAM = program(adam)


def execute(workdir, **options):
    """12 trials, 6 points of 2 seeds, of 6 segments, in chunks of 4."""
    given = {"trials": TRIALS, "programs": {"adam": ADAM}, "prune": BEST, "segments": 6}
    return tiny.execute(workdir, **{**given, **options})


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return execute(tmp_path_factory.mktemp("whole"), prune=None)


@pytest.fixture(scope="module")
def halved(tmp_path_factory):
    return execute(tmp_path_factory.mktemp("halved"))


def chosen(whole, segment, points, keep):
    """By hand: the points of least mean loss after a segment."""
    losses = whole.curves()["validation_loss"][:, segment].reshape(6, 2).mean(axis=1)
    return sorted(sorted(points, key=lambda point: losses[point])[:keep])


def test_the_best_points_go_on_and_have_the_bits_of_a_sweep_without_halving(whole, halved):
    first = chosen(whole, 1, range(6), 3)
    second = chosen(whole, 3, first, 2)
    ours, theirs = halved.curves(), whole.curves()
    for number, row in enumerate(halved.rows):
        point = number // 2
        segments = 6 if point in second else 4 if point in first else 2
        assert (row["status"], row["steps"]) == ("ok" if segments == 6 else "pruned", 2 * segments)
        for name, each in (("loss", 2), ("validation_loss", 1)):
            found, expected = ours[name][number], theirs[name][number]
            np.testing.assert_array_equal(found[: each * segments], expected[: each * segments])
            assert np.isnan(found[each * segments :]).all()
        if segments == 6:
            same = {name: row[name] for name in row if name != "fingerprint"}
            assert same == {name: whole.rows[number][name] for name in same}
        else:
            assert row["message"] == f"pruned after segment {segments}"
            assert row["validation_loss"] == pytest.approx(
                theirs["validation_loss"][number, segments - 1]
            )
    assert not list(halved.workdir.glob("rungs/*"))


# Asked after each segment: twice of three chunks, then of two, then of one.
@pytest.mark.parametrize("after", [0, 1, 5, 8])
def test_interrupted_anywhere_the_rest_has_the_same_bits(tmp_path, halved, after):
    with pytest.raises(sweep.Interrupted):
        execute(tmp_path, stop=Stop(after))
    again = execute(tmp_path)
    assert again.rows == halved.rows
    for name, values in halved.curves().items():
        np.testing.assert_array_equal(again.curves()[name], values)


def test_killed_between_the_rows_of_those_that_stop(tmp_path, halved, monkeypatch):
    class Killed(BaseException):
        pass

    finish, left = sweep.store.finish, [1]

    def killed(*arguments):
        if not left.pop():
            raise Killed
        left.append(0)
        finish(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(sweep.store, "finish", killed)
        with pytest.raises(Killed):
            execute(tmp_path)
    assert 0 < len((tmp_path / "trials.jsonl").read_text().splitlines()) < 12
    assert execute(tmp_path).rows == halved.rows


def test_what_a_kill_has_left_of_rungs_goes_when_all_trials_have_rows(tmp_path, halved):
    run = tmp_path / "run"
    with pytest.raises(sweep.Interrupted):
        execute(run, stop=Stop(7))
    shutil.copytree(run / "rungs", tmp_path / "rungs")
    sweep.rungs.drop_left_over(run, {sweep.trial_id(trial) for trial in TRIALS[:-1]})
    assert list(run.glob("rungs/*/*/*.npz"))  # one trial has no row yet
    execute(run)
    assert not (run / "rungs").exists()
    shutil.copytree(tmp_path / "rungs", run / "rungs")
    next(run.glob("rungs/*/*/*.npz")).unlink()
    assert execute(run).rows == halved.rows
    assert not (run / "rungs").exists()


FOREIGN = {
    "text": lambda path: path.write_text("to do"),
    "empty": lambda path: path.touch(),
    "array": lambda path: np.save(path, np.ones(3)),
    "arrays": lambda path: np.savez(path, a=np.ones(3)),
    "list": lambda path: (path.parent / "decided.json").write_text("[1]"),
    "no trials": lambda path: (path.parent / "decided.json").write_text('{"asked": 1}'),
    "other": lambda path: (path.parent / "decided.json").write_text("{}"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_folder_with_a_file_that_is_none_of_a_rung_stays(tmp_path, kind):
    place = tmp_path / "rungs/a/2"
    place.mkdir(parents=True)
    FOREIGN[kind](place / "b.npz")
    before = {path: path.read_bytes() for path in (tmp_path / "rungs").rglob("*.*")}
    assert before
    sweep.rungs.drop_left_over(tmp_path, set())
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("draft", [False, True])
def test_folders_that_a_kill_has_left_without_files_go(tmp_path, draft):
    place = tmp_path / "rungs/a/2"
    place.mkdir(parents=True)
    if draft:
        (place / ".b.npz.1.draft").write_bytes(b"PK")
    sweep.rungs.drop_left_over(tmp_path, set())
    assert not (tmp_path / "rungs").exists()


def first_third(segments, frame):
    """Stops the points of the first of three chunks, and others where these are not there."""
    return np.asarray(frame.index < frame.index.nunique() // 3)


def test_what_was_decided_stands_when_a_file_of_its_rung_is_lost(tmp_path):
    """Those of the file that had stopped do not come again, so the rule would see others."""
    prune = sweep.Halving([2], first_third)
    whole = execute(tmp_path / "whole", prune=prune)
    lost = tmp_path / "lost"
    with pytest.raises(sweep.Interrupted):
        execute(lost, prune=prune, stop=Stop(7))  # in the first chunk behind the rung
    (decided,) = lost.glob("rungs/*/*/decided.json")
    shutil.copytree(lost, tmp_path / "damaged")
    decided.with_name(f"{sweep.trial_id(TRIALS[0])}.npz").unlink()
    assert execute(lost, prune=prune).rows == whole.rows
    # What was decided is asked for again where it is damaged.
    (decided,) = tmp_path.glob("damaged/rungs/*/*/decided.json")
    decided.write_text(decided.read_text().replace("stopped", "stoqped"))
    assert execute(tmp_path / "damaged", prune=prune).rows == whole.rows


def test_states_are_kept_to_the_bit_and_a_damaged_file_is_named(tmp_path):
    state = {
        "key": jax.random.split(jax.random.key(0), 3),
        "half": np.arange(6, dtype=jax.numpy.bfloat16).reshape(3, 2),
        "none": np.zeros((3, 0), np.float32),
    }
    trials, facts = TRIALS[:3], {"lanes": 4}
    record = sweep.chunk.blank(3, 1, {}, {})
    lane = np.array([2, 0, 1])
    sweep.rungs.hold(tmp_path, 1, trials, state, lane, record, facts)
    (waiting,) = sweep.rungs.waiting(tmp_path, 1, {"lanes": 8})
    one = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    like = {
        name: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=one)
        for name, leaf in state.items()
    }
    two = [trials[2], trials[0]]
    found, _ = sweep.rungs.taken([waiting], two, like, np.array([1, 0, 0]))
    for name, leaf in found.items():
        assert leaf.dtype == state[name].dtype
        assert (leaf == state[name][np.array([2, 1, 1])]).all()
    content = waiting.path.read_bytes()
    waiting.path.write_bytes(content[: len(content) // 2])
    with pytest.raises(checkpoint.CheckpointError, match="delete it and its trials run again"):
        sweep.rungs.waiting(tmp_path, 1, facts)


def test_the_rule_sees_all_rows_of_its_rung(tmp_path):
    seen = {}

    def rule(segments, frame):
        seen[segments] = frame
        return frame["learning_rate"].eq(0.01).to_numpy()

    progress = sweep.Progress()
    found = execute(
        tmp_path,
        prune=sweep.Halving([2, 4], rule),
        labels={"adam": {"kind": "a"}},
        progress=progress,
    )
    first, second = seen[2], seen[4]
    assert first["trial"].tolist() == [sweep.trial_id(trial) for trial in TRIALS]
    assert first.index.tolist() == [number // 2 for number in range(12)]
    assert set(first["initializer"]) == set(tiny.NAMES)
    assert set(first["kind"]) == {"a"}
    assert first["steps"].eq(4).all()
    assert second["steps"].eq(8).all()
    assert second["learning_rate"].ne(0.01).all()
    assert [row["status"] for row in found.rows].count("pruned") == 4
    assert progress.done == pytest.approx(12)


def test_a_diverged_trial_is_seen_and_keeps_its_status(tmp_path):
    run = program(lambda rate: adam(jax.numpy.where(rate == 1.0, np.nan, rate)))
    found = execute(tmp_path, programs={"adam": run})
    lost = [row for row in found.rows if row["learning_rate"] == 1.0]
    assert {row["status"] for row in lost} == {"diverged"}
    # Of four sound points two go on, and then one.
    assert [row["status"] for row in found.rows].count("ok") == 2


def test_survivors_sit_in_turn_on_the_devices():
    seats = sweep.chunk.seats(3, 8, 2)
    assert seats.lane.tolist() == [0, 4, 1]
    assert seats.trial.tolist() == [0, 2, 0, 0, 1, 0, 0, 0]
    full = sweep.chunk.seats(8, 8, 2)
    assert sorted(full.lane.tolist()) == list(range(8))


def test_side_by_side_survivors_get_a_program_of_fewer_lanes(tmp_path):
    found = execute(tmp_path, lanes=None, batched=True)
    lanes = {row["steps"]: row["lanes"] for row in found.rows}
    assert lanes == {4: 12, 8: 6, 12: 6}


def frame(status, *values):
    """Two seeds of each point."""
    index = [number // 2 for number in range(len(values))]
    return pd.DataFrame({"status": status, "validation_accuracy": values}, index=index)


def test_the_best_are_those_of_the_best_mean():
    rule = sweep.Best("validation_accuracy", 0.4)
    stops = rule(1, frame("ok", 0.9, 0.1, 0.6, 0.6, 0.5, 0.8))
    assert stops.tolist() == [True, True, False, False, False, False]
    lost = frame(["ok", "diverged", "ok", "ok", "ok", "ok"], 0.9, 0.9, 0.6, np.nan, 0.1, 0.1)
    assert rule(1, lost).tolist() == [True] * 4 + [False] * 2
    none = frame("diverged", 0.9, 0.9, 0.6, 0.6)
    assert rule(1, none).tolist() == [False] * 2 + [True] * 2
    with pytest.raises(ValueError, match="'test_loss' is none of status, validation_acc"):
        sweep.Best("test_loss", 0.4)(1, none)


@pytest.mark.parametrize(("share", "points", "count"), [(0.28, 25, 7), (0.55, 100, 55), (1, 3, 3)])
def test_a_share_is_that_of_decimal_fractions(share, points, count):
    rising = pd.DataFrame({"status": "ok", "validation_loss": np.arange(points) / 7})
    stops = sweep.Best("validation_loss", share)(1, rising)
    assert stops.tolist() == [False] * count + [True] * (points - count)


@pytest.mark.parametrize("wrong", [{"share": 0}, {"share": 2}, {"share": np.nan}, {"metric": "x"}])
def test_what_is_no_rule_is_refused_before_anything_runs(wrong):
    with pytest.raises(ValueError, match=r"is above 0 and 1 at most|'x' is better high or low"):
        sweep.Best(**{"metric": "loss", "share": 0.5, **wrong})


def test_when_all_have_stopped_no_rule_is_asked_again(tmp_path):
    asked = []

    def rule(segments, frame):
        asked.append(segments)
        return frame["status"].eq("ok").to_numpy()

    found = execute(tmp_path, prune=sweep.Halving(np.array([2, 4]), rule))
    assert asked == [2]
    assert {row["status"] for row in found.rows} == {"pruned"}
    assert not (tmp_path / "rungs").exists()


def test_an_unknown_metric_is_refused_before_anything_compiles(tmp_path):
    prune = sweep.Halving([2], sweep.Best("validation_los", 0.5, "min"))
    known = "validation_accuracy, validation_loss; did you mean validation_loss?"
    with counted() as compiled, pytest.raises(sweep.PruneError) as refused:
        execute(tmp_path / "run", prune=prune)
    assert str(refused.value) == f"prune: the metric 'validation_los' is none of {known}"
    assert compiled == []
    assert not (tmp_path / "run").exists()
    plan = sweep.Plan(
        {"adam": ADAM}, TRIALS, tiny.DATA, 6, {"initializer": tiny.NAMES}, prune=prune
    )
    with pytest.raises(sweep.PruneError, match="did you mean validation_loss"):
        plan.check()


@pytest.mark.parametrize("rungs", [[], [0], [6], [2, 1], [1, 1], [1.5], [True]])
def test_rungs_that_are_not_on_the_way_are_refused(tmp_path, rungs):
    with pytest.raises(ValueError, match="rungs are numbers of segments that rise from 1 to 5"):
        execute(tmp_path, prune=sweep.Halving(rungs, BEST.rule))


def test_a_rule_that_gives_no_bools_is_named(tmp_path):
    with pytest.raises(sweep.Failed, match=r"gave float64\[12\], not a bool for each of 12 rows"):
        execute(
            tmp_path, prune=sweep.Halving([1], lambda segments, frame: frame["validation_loss"])
        )
