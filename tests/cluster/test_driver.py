"""The driver, with workers in this process: a trial has one row, whoever is killed when."""

import contextlib
import json
import shutil
from typing import NamedTuple

import numpy as np
import pytest
from support import elastic_sweep as elastic
from support.stopping import Stop

from jaxdl import cluster, sweep
from jaxdl.cluster import driver, workers
from jaxdl.sweep import ledger, parts, store

COMMAND = cluster.Command(("unused",), ".")
PLAN = elastic.plan()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return PLAN.execute(tmp_path_factory.mktemp("runs") / "whole")


def execute(workdir, plan=PLAN, **options):
    launcher = elastic.Here(options.pop("workers", 1), [], options.pop("killed_after", None))
    results = cluster.execute(plan, COMMAND, workdir=workdir, launcher=launcher, **options)
    return results, launcher.ran


def ids(rows):
    return [row["trial"] for row in rows]


def test_rows_curves_and_clock_are_those_of_one_process(tmp_path, whole):
    found, ran = execute(tmp_path)
    assert len(ran) == 4  # two of each program
    assert found.rows == whole.rows
    for name, values in whole.curves().items():
        np.testing.assert_array_equal(found.curves()[name], values)
    assert list(found.clock()["steps"]) == list(whole.clock()["steps"])
    assert not (tmp_path / "chunks").exists()
    again, ran = execute(tmp_path)
    assert (again.rows, ran) == (whole.rows, [workers.CHECK])


@pytest.mark.parametrize("also", ["workers", "local"])
def test_a_driver_that_was_killed_goes_on_and_no_trial_is_run_twice(tmp_path, whole, also):
    with pytest.raises(KeyboardInterrupt):
        execute(tmp_path, killed_after=2)
    before = ids(ledger.read(tmp_path / "trials.jsonl"))
    assert len(before) == 12
    # Another number of workers cuts other parts; so does this process alone.
    found, ran = execute(tmp_path, workers=2) if also == "workers" else (PLAN.execute(tmp_path), [])
    assert found.rows == whole.rows
    after = ids(ledger.read(tmp_path / "trials.jsonl"))
    assert after[:12] == before
    assert len(set(after)) == len(after) == 24
    assert len(ran) in (0, 1 + 4)


def test_what_a_worker_wrote_is_merged_once_at_whatever_moment_the_driver_dies(tmp_path, whole):
    (name, part), *_ = driver.cut(PLAN, PLAN.trials, set(), 1).items()
    parts.write(tmp_path, name, part)
    assert sweep.pending(tmp_path, PLAN.trials) == list(PLAN.trials)
    assert workers.run(PLAN, tmp_path, name, lambda: False) == ""
    assert len(sweep.pending(tmp_path, PLAN.trials)) == 18  # a dry run sees what is not merged yet
    copy = shutil.copytree(parts.folder(tmp_path, name), tmp_path / "copy")
    assert parts.merge(tmp_path, name, parts.found(tmp_path))
    merged = (tmp_path / "trials.jsonl").read_bytes()
    # As if it had died before it removed the folder.
    shutil.move(copy, parts.folder(tmp_path, name))
    assert parts.merge(tmp_path, name, parts.found(tmp_path))
    assert (tmp_path / "trials.jsonl").read_bytes() == merged
    parts.write(tmp_path, name, part)  # as if it had died while it removed it
    parts.merge_all(tmp_path)
    assert not list((tmp_path / "chunks").iterdir())
    assert parts.merge(tmp_path, name, parts.found(tmp_path))  # by an orphan, long after
    assert workers.run(PLAN, tmp_path, name, lambda: False) == ""
    by_trial = {row["trial"]: row for row in whole.rows}
    assert [by_trial[row["trial"]] for row in map(json.loads, merged.splitlines())] == ledger.read(
        tmp_path / "trials.jsonl"
    )


class Answering(NamedTuple):
    """Says of all parts that they have ended, as workers do that find an orphan at them."""

    workers: int = 1

    @contextlib.contextmanager
    def pool(self, plan, command, workdir, stop):
        yield iter


def test_a_driver_that_waits_for_an_orphan_can_be_stopped(tmp_path):
    stop = Stop(after=4)  # asked after each part, then while it waits
    with pytest.raises(sweep.Interrupted):
        cluster.execute(PLAN, COMMAND, workdir=tmp_path, launcher=Answering(), stop=stop)
    assert stop.left == -1


def test_a_part_that_was_interrupted_goes_on_from_its_state(tmp_path, whole):
    plan = PLAN._replace(trials=[trial for trial in PLAN.trials if trial.program == "straight"])
    (name, part), *_ = driver.cut(plan, plan.trials, set(), 1).items()
    parts.write(tmp_path, name, part)
    with pytest.raises(sweep.Interrupted):
        workers.run(plan, tmp_path, name, lambda: True)
    assert list(tmp_path.glob(f"chunks/{name}/checkpoints/*/step_*"))
    assert not parts.merge(tmp_path, name, parts.found(tmp_path))
    found, _ = execute(tmp_path, plan)
    assert found.rows == [row for row in whole.rows if row["program"] == "straight"]


def test_halving_keeps_a_program_together(tmp_path):
    plan = elastic.plan(halving=True)
    found, ran = execute(tmp_path / "parts", plan, workers=3)
    assert len(ran) == 2
    assert found.rows == plan.execute(tmp_path / "whole").rows


def test_rows_of_other_conditions_are_refused_or_run_anew(tmp_path):
    few = elastic.plan(rates=[0.1])
    execute(tmp_path, few)
    other = few._replace(data={"train": {"x": elastic.DATA["train"]["x"] + 1}})
    before = (tmp_path / "trials.jsonl").read_bytes()
    with pytest.raises(sweep.ForeignRows, match="made under other conditions: the data"):
        execute(tmp_path, other)
    assert (tmp_path / "trials.jsonl").read_bytes() == before
    found, ran = execute(tmp_path, other, rerun_changed=True)
    assert ran[0] == workers.RERUN
    assert len(found.rows) == 8
    assert len((tmp_path / "superseded.jsonl").read_text().splitlines()) == 8


def test_workers_of_different_kinds_are_not_mixed_in_silence(tmp_path):
    names = list(driver.cut(PLAN, PLAN.trials, set(), 1).items())[::2]  # two of one program
    for name, part in names:
        parts.write(tmp_path, name, part)
        workers.run(PLAN, tmp_path, name, lambda: False)
    conditions = tmp_path / "chunks" / names[1][0] / "conditions.json"
    conditions.write_text(conditions.read_text().replace('"device": "', '"device": "other '))
    found = parts.found(tmp_path)
    assert parts.merge(tmp_path, names[0][0], found)
    with pytest.raises(sweep.ForeignRows, match=r"workers differ: trial .* device \("):
        parts.merge(tmp_path, names[1][0], found)


def test_a_program_that_raises_leaves_the_others_alone(tmp_path):
    def fails(hparams, state, data):
        raise RuntimeError("no such model")

    few = elastic.plan(rates=[0.1])
    broken = few.programs["straight"]._replace(advance=fails)
    plan = few._replace(programs={**few.programs, "straight": broken})
    found, _ = execute(tmp_path / "one", plan)
    frame = found.frame()
    assert set(frame.loc[frame["program"] == "straight", "status"]) == {"error"}
    assert set(frame.loc[frame["program"] == "root", "status"]) == {"ok"}
    repaired, _ = execute(tmp_path / "one", few)
    assert set(repaired.frame()["status"]) == {"ok"}
    plan = plan._replace(trials=[trial for trial in few.trials if trial.program == "straight"])
    with pytest.raises(sweep.Failed, match="program straight: RuntimeError: no such model"):
        execute(tmp_path / "all", plan)


def test_points_that_are_asked_for_run_in_rounds(tmp_path):
    few, more = elastic.plan(rates=[0.1]), elastic.plan(rates=[0.1, 1.0])
    plan = few._replace(ask=lambda workdir, results: more.trials)
    found, _ = execute(tmp_path, plan)
    assert ids(found.rows) == [sweep.trial_id(trial) for trial in more.trials]


def test_what_is_no_progress_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match=r"progress: sweep\.Progress\(\) shows nothing; False is"):
        execute(tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_parts_are_as_many_as_workers_can_share_and_take_turns():
    todo = driver.cut(PLAN, PLAN.trials, set(), 2)
    assert [part.trials[0].program for part in todo.values()] == ["straight", "root"] * 4
    assert {(len(part.trials), part.size, part.of) for part in todo.values()} == {(3, 3, 12)}
    done = {sweep.trial_id(trial) for trial in PLAN.trials[:4]}
    left = driver.cut(PLAN, PLAN.trials, done, 2)
    # What is left of a part keeps its name and its lanes.
    assert set(todo) - set(left) == {sweep.trial_id(PLAN.trials[0])}
    assert len(left[sweep.trial_id(PLAN.trials[3])].trials) == 2


def test_the_clock_of_an_unknown_chunk_is_left_alone(tmp_path):
    assert parts.read(tmp_path, "none") is None
    assert parts.merge(tmp_path, "none", parts.found(tmp_path))
    assert not (tmp_path / store.CLOCK).exists()
