"""Training on a stream in several real processes: killed, stopped, moved, and gone on with."""

import os
import re
import signal
import time

from support import jobs
from support.streams import events, of_rows, rows

endings_run, streaming_run = map(jobs.program, ("endings_run", "streaming_run"))
SIZES = ("--steps=40", "--save_steps=8", "--evaluation_steps=20", "--width=128", "--spread")


def started(count, workdir, *arguments):
    """Always four devices in all, which sum in one order however many processes have them."""
    return jobs.started(
        count, workdir, streaming_run.main, *SIZES, *arguments, devices=4 // count, heartbeat=10
    )


def ended(processes, logs):
    """Exit codes, and what each process has said, but for what XLA does of itself."""
    for process in processes:
        process.join(300)
    of_xla = re.compile(r"^(\[Gloo\] |W.* preemption_notifier).*\n+", re.MULTILINE)
    said = [of_xla.sub("", log.read_text()) for log in logs]
    return [process.exitcode for process in processes], said


def run(count, workdir, *arguments):
    with started(count, workdir, *arguments) as (processes, logs):
        return ended(processes, logs)


def steps(workdir):
    return [int(path.name[5:13]) for path in sorted((workdir / "checkpoints").glob("step_*"))]


def wait_for(condition, processes, logs):
    while not condition():
        assert all(process.is_alive() for process in processes), [log.read_text() for log in logs]
        time.sleep(0.005)


def test_killed_stopped_and_moved_it_ends_with_the_same_bits(tmp_path):
    whole, workdir = tmp_path / "whole", tmp_path / "run"
    codes, (undisturbed,) = run(1, whole)
    assert codes == [0], undisturbed

    with started(2, workdir, "--pace=0.1") as (processes, logs):
        wait_for(lambda: steps(workdir), processes, logs)
        for process in processes:
            process.kill()
    begun = steps(workdir)[-1]

    # SIGTERM to one of four: all save after the same step, and only the first says anything.
    with started(4, workdir, "--pace=0.1") as (processes, logs):
        wait_for(lambda: steps(workdir)[-1] > begun, processes, logs)
        os.kill(processes[3].pid, signal.SIGTERM)
        codes, (said, *others) = ended(processes, logs)
    assert (codes, others) == ([75] * 4, [""] * 3), (said, others)
    assert f"goes on from step {begun}" in said
    assert said.endswith("interrupted; the same program goes on from here\n")
    stopped = steps(workdir)[-1]
    assert begun < stopped < 40
    assert f"stopping after step {stopped}; once more to stop at once" in said

    # A second signal while the disk is slow: it leaves at once, and the earlier checkpoint stands.
    with started(2, workdir, "--pace=0.1", "--slow_disk=60") as (processes, logs):
        for words in ("goes on from", "stopping after step"):
            wait_for(lambda words=words: words in logs[0].read_text(), processes, logs)
            os.kill(processes[0].pid, signal.SIGTERM)
        codes, said = ended(processes, logs)
    assert codes[0] == -signal.SIGTERM, said
    assert codes[1] not in (0, 75), said
    assert steps(workdir)[-1] == stopped

    codes, (said,) = run(1, workdir)
    assert codes == [0], said
    assert f"goes on from step {stopped}" in said
    assert said.splitlines()[-1] == undisturbed.splitlines()[-1]
    assert rows(workdir) == rows(whole)
    assert events(workdir) == of_rows(workdir)


def test_all_end_alike_and_one_says_why(tmp_path):
    with jobs.started(2, tmp_path / "run", endings_run.trained) as (processes, logs):
        codes, said = ended(processes, logs)
    assert codes == [0, 0], said
    first, second = ([line.split(" ", 2) for line in text.splitlines()] for text in said)
    first = [words for words in first if words[0] in {name for name, *_ in second}]
    assert [words[:2] for words in second] == [
        ["done", first[0][1]],
        ["done", first[0][1]],
        ["done", "Ended"],
        ["done", "Ended"],
        ["differing", "Ended"],
        ["alone", "Ended"],
        ["nan", "Ended"],
        ["end", "Ended"],
        ["short", "ValueError"],
        ["asked", "Interrupted"],
        ["asked", first[0][1]],
        ["full", "Ended"],
        ["row", "Ended"],
    ]
    assert [words[:2] for words in first] == [
        ["done", first[0][1]],
        ["done", first[0][1]],
        ["done", "Refused"],
        ["done", "Refused"],
        ["differing", "Refused"],
        ["alone", "ValueError"],
        ["nan", "Diverged"],
        ["end", "Diverged"],
        ["short", "Ended"],
        ["asked", "Interrupted"],
        ["asked", first[0][1]],
        ["full", "OSError"],
        ["row", "OSError"],
    ]
    assert [words[2].strip() for words in second if words[1] == "Ended"] == [*"22211111"]
    assert 23 not in steps(tmp_path / "run" / "row")  # which would go on without its row
    text = said[0]
    for message in (
        "rate (0.1 there, 0.2 here)",
        "conditions: the first batch of the data",
        "the processes of this job differ in the program",
        "state.step is an array of this process alone",
        "not finite at step 10; the newest checkpoint is of step",
        "no space left",
        "run/asked goes on from step 6\n",
    ):
        assert message in text
    assert "the data end after 9 of 23 steps" in said[1]
    assert "Warning" not in text
