"""An experiment over processes, jobs, a Dask cluster, a `jax.distributed` job, some of it killed.

Each has the rows of a launch in one process with one device; only `workers` of XLA may differ.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SMALL = (
    "--config.steps=20",
    "--config.seeds=4",
    "--config.hidden=0,2",
    "--config.learning_rates=0.1",
)
ENVIRONMENT = {**os.environ, "JAX_NUM_CPU_DEVICES": "1", "NPROC": "2"}
ROWS = 12


def start(*arguments, words=("-m", "experiments.xor"), **environment):
    return subprocess.Popen(
        [sys.executable, *words, *map(str, arguments)],
        cwd=ROOT,
        env={**ENVIRONMENT, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process):
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return err


def rows_of(workdir):
    path = workdir / "trials.jsonl"
    text = path.read_bytes().rpartition(b"\n")[0].decode() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def workers_of(workdir):
    """Processes that run parts for this workdir."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode().split("\0")
        except OSError:
            continue
        if f"--workdir={workdir}" in words and "--worker=plan" in words:
            found.append(int(path.parent.name))
    return found


def wait_for(condition, process):
    while not (found := condition()) and process.poll() is None:
        time.sleep(0.005)
    return found


def kill_a_worker_that_has_begun(workdir, process):
    """The oldest, when parts are under way."""
    wait_for(lambda: list(workdir.glob("chunks/*/.sweep.lock")), process)
    os.kill(min(workers_of(workdir)), signal.SIGKILL)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "xor"
    ended(start(f"--workdir={workdir}", *SMALL))
    return workdir


def conditions_of(workdir):
    known = json.loads((workdir / "conditions.json").read_text()).values()
    return {json.dumps({**facts, "workers": ""}, sort_keys=True) for facts in known}


def same_as(alone, workdir):
    """Each trial once, with the numbers that it has alone."""
    rows, expected = rows_of(workdir), {row["trial"]: row for row in rows_of(alone)}
    assert len(rows) == len({row["trial"] for row in rows}) == len(expected) == ROWS
    for row in rows:
        assert {**row, "fingerprint": 0} == {**expected[row["trial"]], "fingerprint": 0}
    assert conditions_of(workdir) == conditions_of(alone)
    with np.load(alone / "curves.npz") as theirs, np.load(workdir / "curves.npz") as ours:
        assert set(theirs) == set(ours)
        order = [theirs["trial"].tolist().index(trial) for trial in ours["trial"].tolist()]
        for name in set(theirs):
            np.testing.assert_array_equal(ours[name], theirs[name][order])
    assert (workdir / "verdict.json").exists()
    assert not (workdir / "chunks").exists()


def test_processes_of_which_one_is_killed_then_the_driver(tmp_path, alone):
    workdir = tmp_path / "run"
    command = (f"--workdir={workdir}", *SMALL, "--launcher=processes", "--workers=2")
    driver = start(*command, JAX_NUM_CPU_DEVICES="2")
    kill_a_worker_that_has_begun(workdir, driver)
    before = wait_for(lambda: rows_of(workdir), driver)
    driver.kill()
    driver.communicate()
    orphans = workers_of(workdir)
    # They notice that nobody listens, save and end, by themselves.
    deadline = time.monotonic() + 120
    while set(orphans) & set(workers_of(workdir)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not set(orphans) & set(workers_of(workdir))
    ended(start(*command, JAX_NUM_CPU_DEVICES="2"))
    assert rows_of(workdir)[: len(before)] == before
    same_as(alone, workdir)


def test_jobs_of_submitit_of_which_one_is_killed(tmp_path, alone):
    pytest.importorskip("submitit")
    workdir = tmp_path / "run"
    driver = start(f"--workdir={workdir}", *SMALL, "--launcher=submitit", "--workers=1")
    kill_a_worker_that_has_begun(workdir, driver)
    ended(driver)
    same_as(alone, workdir)


def test_a_dask_cluster_of_which_a_worker_is_killed_and_another_joins_late(tmp_path, alone):
    pytest.importorskip("distributed")
    workdir, file = tmp_path / "run", tmp_path / "scheduler.json"
    dask = ("-m", "distributed.cli.dask_scheduler")
    options = ("--scheduler-file", file, "--port", 0, "--no-dashboard", "--host", "127.0.0.1")
    scheduler = start(*options, words=dask)
    wait_for(file.exists, scheduler)
    address = json.loads(wait_for(lambda: file.read_text(), scheduler))["address"]

    def join():
        dask = ("-m", "distributed.cli.dask_worker")
        return start(address, "--nthreads", 1, "--no-nanny", "--no-dashboard", words=dask)

    members = [join(), join()]
    driver = start(
        f"--workdir={workdir}",
        *SMALL,
        "--launcher=cluster",
        "--workers=2",
        DASK_SCHEDULER_ADDRESS=address,
    )
    try:
        wait_for(lambda: list(workdir.glob("chunks/*/.sweep.lock")), driver)
        members[0].kill()
        members.append(join())
        ended(driver)
    finally:
        for process in (*members, scheduler):
            process.kill()
            process.communicate()
    same_as(alone, workdir)


def test_processes_of_a_distributed_job_share_the_trials(tmp_path, alone):
    workdir = tmp_path / "run"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {"JAX_COORDINATOR_ADDRESS": address, "JAX_NUM_PROCESSES": "2"}
    members = [
        start(
            f"--workdir={workdir}",
            *SMALL,
            "--launcher=distributed",
            **environment,
            JAX_PROCESS_ID=str(number),
        )
        for number in range(2)
    ]
    for process in members:
        ended(process)
    same_as(alone, workdir)
