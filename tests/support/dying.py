"""Runs a program that dies by SIGKILL on the brink of its n-th change to a folder.

    python dying.py FOLDER N PROGRAM ARGUMENTS...

Python announces renames, removals and files that are opened to be written before it does them.
Where there are fewer, and with N = 0, it ends by saying how many there were.
"""

import atexit
import os
import runpy
import signal
import sys

FOLDER, MOMENT = os.path.abspath(sys.argv[1]), int(sys.argv[2])
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate")
WRITING = os.O_WRONLY | os.O_RDWR
seen = 0


def watch(event, arguments):
    global seen
    if event not in CHANGES and not (event == "open" and arguments[2] & WRITING):
        return
    path = arguments[0]
    if not isinstance(path, str | os.PathLike):
        return
    # What rmtree removes it names relative to an open folder; others have no such names.
    if os.path.isabs(path) and not os.path.abspath(path).startswith(FOLDER):
        return
    seen += 1
    if seen == MOMENT:
        os.write(2, f"\ndies: {event} {os.path.relpath(path, FOLDER)}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)


def tell():
    os.write(2, f"\nchanges: {seen}\n".encode())


if __name__ == "__main__":
    # Registered first, so that it runs last.
    atexit.register(tell)
    program = sys.argv[3]
    sys.argv = sys.argv[3:]
    sys.path[0] = os.path.dirname(os.path.abspath(program))
    sys.addaudithook(watch)
    if program == "-m":
        sys.path[0] = os.getcwd()
        sys.argv = sys.argv[1:]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(program, run_name="__main__")
