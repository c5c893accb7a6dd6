"""Jobs of several processes over loopback."""

import atexit
import contextlib
import importlib
import multiprocessing
import os
import socket
import sys
import traceback
from pathlib import Path

import jax

from jaxdl import distributed

TESTS = Path(__file__).parents[1]
PROGRAMS = ("processes_run", "streaming_run", "endings_run")
# Forked by a process that has imported everything and has not begun to use JAX; the programs have
# the same name there.
sys.path.insert(0, str(TESTS / "faults"))
os.environ["PYTHONPATH"] = os.pathsep.join(map(str, (TESTS / "faults", TESTS, TESTS.parent)))
FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(["orbax.checkpoint", *PROGRAMS])


def program(name):
    """One of `PROGRAMS`, as a module."""
    return importlib.import_module(name)


def process(log, devices, environment, heartbeat, work, *arguments):
    """One process of a job, forked; it ends as a program would."""
    with open(log, "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.update(environment)
    # Programs of devices that wait for one another each need a thread of XLA's pool, and more.
    os.environ["NPROC"] = str(4 * devices)
    jax.config.update("jax_num_cpu_devices", devices)
    try:
        distributed.start(heartbeat=heartbeat)
        code = work(*arguments)
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(code)


def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def started(count, workdir, work, *arguments, devices=1, heartbeat=60):
    """Processes of one job that do `work(workdir, *arguments)`, and the files of what they say.

    Afterwards they are gone.
    """
    job = {
        "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port()}",
        "JAX_NUM_PROCESSES": str(count),
    }
    logs = [workdir.with_suffix(f".{index}.log") for index in range(count)]
    processes = [
        FORKING.Process(
            target=process,
            args=(
                log,
                devices,
                {**job, "JAX_PROCESS_ID": str(index)},
                heartbeat,
                work,
                workdir,
                *arguments,
            ),
        )
        for index, log in enumerate(logs)
    ]
    try:
        for log, each in zip(logs, processes, strict=True):
            log.write_bytes(b"")  # of a job before
            each.start()
        yield processes, logs
    finally:
        for each in processes:
            each.kill()
            each.join()
