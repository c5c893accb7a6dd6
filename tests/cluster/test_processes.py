"""How processes share a machine, and what is said of one that dies again and again."""

import asyncio
import os
import subprocess
import sys

import pytest
from support import elastic_sweep

from jaxdl import _worker, cluster, sweep
from jaxdl.cluster import elastic, processes, workers

PLAN = elastic_sweep.plan(rates=[0.1])
ANSWERS = 'import sys; [print(\'{{"refused": "{0}"}}\', flush=True) for line in sys.stdin]'


def python(code):
    return cluster.Command((sys.executable, "-c", code), ".")


def test_cores_and_devices_are_shared():
    cores = os.sched_getaffinity(0)
    for count in (1, 2, 3, 5):
        shares = processes.shares(count)
        assert frozenset().union(*(share.cores for share in shares)) == cores
        assert all(share.cores for share in shares)
        counts = [int(share.environment["JAX_NUM_CPU_DEVICES"]) for share in shares]
        assert sum(counts) == max(2, count)  # the tests have two devices


def test_accelerators_are_shared():
    own = [processes._of(range(4), 3, number) for number in range(3)]
    assert own == [[0, 3], [1], [2]]
    assert processes._environment("gpu", own[0], own)["JAX_CUDA_VISIBLE_DEVICES"] == "0,3"
    two_of_one = [processes._of(range(1), 2, number) for number in range(2)]
    shared = processes._environment("gpu", two_of_one[1], two_of_one)
    assert shared["JAX_CUDA_VISIBLE_DEVICES"] == "0"
    assert shared["XLA_PYTHON_CLIENT_MEM_FRACTION"] == "0.38"


def test_a_part_that_kills_its_worker_again_and_again_ends_the_sweep(tmp_path):
    launcher = cluster.Processes(1)
    with pytest.raises(cluster.Lost, match=r"was begun 3 times: its worker ended with exit code 7"):
        cluster.execute(PLAN, python("exit(7)"), workdir=tmp_path, launcher=launcher)


def test_what_a_worker_refuses_is_raised(tmp_path):
    refusing = python(ANSWERS.format("other data"))
    with pytest.raises(sweep.ForeignRows, match=r"^other data$"):
        cluster.execute(PLAN, refusing, workdir=tmp_path, launcher=cluster.Processes(2))


def test_a_driver_that_is_asked_to_stop_does_not_wait_for_its_workers_parts(tmp_path):
    patient = python("import sys; sys.stdin.read()")
    with pytest.raises(sweep.Interrupted):
        cluster.execute(
            PLAN, patient, workdir=tmp_path, launcher=cluster.Processes(1), stop=lambda: True
        )


def test_a_dask_cluster_that_is_not_there_is_one_line(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    with pytest.raises(cluster.Unavailable, match="DASK_SCHEDULER_ADDRESS is not set"):
        cluster.execute(PLAN, python(""), workdir=tmp_path, launcher=cluster.Elastic(2))


def test_a_driver_that_is_stopped_leaves_no_worker_of_dask_at_work(tmp_path, monkeypatch):
    """What is queued is not begun when the worker of the only thread ends."""

    async def end(launch):
        _worker.end(launch)
        await asyncio.sleep(1.0)  # until the last of many workers has answered

    monkeypatch.setattr(elastic, "end", end)
    distributed = pytest.importorskip("distributed")
    import dask

    begins = "import os, pathlib, sys; pathlib.Path(sys.argv[1], f'{os.getpid()}.begun').touch()"
    patient = python(f"{begins}; sys.stdin.read()")
    patient = patient._replace(words=(*patient.words, str(tmp_path)))
    here = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    )

    def begun():
        return list(tmp_path.glob("*.begun"))

    with (
        here,
        dask.config.set({"scheduler-address": here.scheduler_address}),
        pytest.raises(sweep.Interrupted),
    ):
        cluster.execute(
            PLAN,
            patient,
            workdir=tmp_path / "run",
            launcher=cluster.Elastic(2),
            stop=lambda: bool(begun()),
        )
    assert len(begun()) == 1


def test_a_package_that_is_missing_is_one_line():
    with pytest.raises(cluster.Unavailable, match=r"needs nothere: pip install nothere"):
        workers.need("nothere", "cluster")


def test_what_jobs_and_dask_workers_import_has_no_jax():
    program = "import sys, jaxdl._worker; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
