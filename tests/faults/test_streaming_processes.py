"""Training on a stream in several real processes: killed, stopped, moved, and gone on with."""

import json
import os
import signal
import time

import pytest
from support import jobs
from support.streams import events, of_rows, rows

endings_run, streaming_run = map(jobs.program, ("endings_run", "streaming_run"))
SIZES = ("--steps=60", "--save_steps=8", "--evaluation_steps=20", "--width=128", "--spread")


def started(count, workdir, *arguments, devices=1):
    return jobs.started(
        count, workdir, streaming_run.main, *SIZES, *arguments, devices=devices, heartbeat=10
    )


def ended(processes, logs):
    """Exit codes, and what each process has said."""
    for process in processes:
        process.join(120)
    return [process.exitcode for process in processes], [log.read_text() for log in logs]


def run(count, workdir, *arguments, devices=1):
    with started(count, workdir, *arguments, devices=devices) as (processes, logs):
        return ended(processes, logs)


def steps(workdir):
    return [int(path.name[5:13]) for path in sorted((workdir / "checkpoints").glob("step_*"))]


def wait_for(condition, processes, logs):
    while not condition():
        assert all(process.is_alive() for process in processes), [log.read_text() for log in logs]
        time.sleep(0.005)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Undisturbed, in one process with two devices."""
    workdir = tmp_path_factory.mktemp("whole") / "run"
    codes, said = run(1, workdir, devices=2)
    assert codes == [0], said
    return workdir, said[0].splitlines()[-1]


def test_killed_stopped_and_moved_it_ends_with_the_same_bits(tmp_path, whole):
    workdir = tmp_path / "run"

    with started(2, workdir, "--pace=0.1") as (processes, logs):
        wait_for(lambda: steps(workdir), processes, logs)
        for process in processes:
            process.kill()
    begun = steps(workdir)[-1]

    # SIGTERM to the second: both save after the same step, and only the first says anything.
    with started(2, workdir, "--pace=0.1") as (processes, logs):
        wait_for(lambda: steps(workdir)[-1] > begun, processes, logs)
        os.kill(processes[1].pid, signal.SIGTERM)
        codes, said = ended(processes, logs)
    print(said)
    assert codes == [75, 75], said
    assert f"goes on from step {begun}" in said[0]
    assert said[0].endswith("interrupted; the same program goes on from here\n")
    stopped = steps(workdir)[-1]
    assert f"stopping after step {stopped}" in said[0]

    # And on, with one process.
    codes, said = run(1, workdir, devices=2)
    assert codes == [0], said
    assert f"goes on from step {stopped}" in said[0]
    assert said[0].splitlines()[-1] == whole[1]
    assert rows(workdir) == rows(whole[0])
    assert events(workdir) == of_rows(workdir)
    assert json.loads(whole[1])


def test_all_end_alike_and_one_says_why(tmp_path):
    with jobs.started(2, tmp_path / "run", endings_run.trained) as (processes, logs):
        codes, said = ended(processes, logs)
    print(*said, sep="\n\n")
    assert codes == [0, 0], said
