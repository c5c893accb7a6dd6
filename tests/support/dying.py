"""Programs that can be told to die by SIGKILL on the brink of their n-th change to a folder.

    python dying.py < requests

It imports what takes seconds once, and forks a process for each request, a line of JSON: `program`
(as Python would be given it), `folder`, `change` (0: not to die so), `out` and `err` (files) and
`cache` (of compiled programs). It answers by the process's id and, when that has ended, by its exit
code. Python announces renames, removals and files opened to be written before it does them; a
program ends by saying in `err` how many of these there were.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import sys

import jax

CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate")
WRITING = os.O_WRONLY | os.O_RDWR


def watch(folder, moment):
    """From now on the process dies at a change; at its end it says how many it has seen."""
    folder, seen = os.path.abspath(folder), 0

    def see(event, arguments):
        nonlocal seen
        if event not in CHANGES and not (event == "open" and arguments[2] & WRITING):
            return
        path = arguments[0]
        if not isinstance(path, str | os.PathLike):
            return
        # What rmtree removes it names relative to an open folder; others have no such names.
        if os.path.isabs(path) and not os.path.abspath(path).startswith(folder):
            return
        seen += 1
        if seen == moment:
            name = os.path.relpath(path, folder) if os.path.isabs(path) else path
            os.write(2, f"\ndies: {event} {name}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(see)
    # Registered before all others, so that it runs last.
    atexit.register(lambda: os.write(2, f"\nchanges: {seen}\n".encode()))


def become(program, folder, change, out, err, cache):
    """Runs a program in this process, as if Python had been started with it."""
    for descriptor, path in ((1, out), (2, err)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(opened, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    # What a shell starts in the background ignores SIGINT, and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    jax.config.update("jax_compilation_cache_dir", cache)
    watch(folder, change)
    if program[0] == "-m":
        sys.argv = program[1:]
        runpy.run_module(program[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = program
        runpy.run_path(program[0], run_name="__main__")


def serve():
    """Forks until there are no more requests; the request, in the process that is to follow it."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            return json.loads(line)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    return None


if __name__ == "__main__":
    # None of it starts JAX's backend or a thread, which would not survive the fork.
    import grain  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import optuna  # noqa: F401
    import orbax.checkpoint  # noqa: F401
    import tensorboardX  # noqa: F401

    from jaxdl import launch, models, streaming, sweep, tasks  # noqa: F401

    gc.freeze()
    request = serve()
    if request is not None:
        become(**request)
