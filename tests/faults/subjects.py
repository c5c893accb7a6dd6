"""What `soak.py` kills, what of it is compared, and where it has died."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).parents[2]
SUPPORT = ROOT / "tests/support"
VOLATILE = re.compile(r"clock\.jsonl|environment\.json|\.lock|.*\.lock|report\..*|.*/arrays/.*")
"""Files whose names or number the clock may decide; their place is all that is compared."""

Facts = dict[str, str]


class Subject(NamedTuple):
    """What is killed.

    program: what Python is given. facts: of a finished workdir, with what the last launch printed.
    anew: whether what is damaged may begin anew; else a checkpoint stays whole behind the newest.
    """

    name: str
    program: Callable[[Path], list[str]]
    facts: Callable[[Path, str], Facts]
    anew: bool = True


def printed(workdir: Path, out: str) -> Facts:
    """What the program said of itself, and which files it left.

    Of states that are kept it says what is in them; trials whose rows were lost with the end of a
    ledger run again in chunks of their own, whose folders have other names.
    """
    said = json.loads(out.splitlines()[-1])
    keeps = any(name.startswith("state ") for name in said)
    left = [name for name in files(workdir) if not (keeps and name.startswith("states/"))]
    return {**said, "files": " ".join(left)}


def of_experiment(workdir: Path, out: str) -> Facts:
    """What a launch leaves: rows, curves, verdict, configuration, names of files."""
    # What is torn at its end counts as nothing, and stays where a launch has nothing to add.
    lines = (workdir / "trials.jsonl").read_text().splitlines(keepends=True)
    rows = sorted(line for line in lines if line.endswith("\n"))
    verdict = json.loads((workdir / "verdict.json").read_text())
    del verdict["seconds"]
    with np.load(workdir / "curves.npz", allow_pickle=False) as curves:
        found = {f"curve {name}": curves[name].tobytes().hex() for name in curves.files}
    config = (workdir / "config.json").read_text()
    found |= {"rows": "".join(rows), "verdict": json.dumps(verdict), "config": config}
    return {**found, "files": " ".join(files(workdir))}


def of_stream(workdir: Path, out: str) -> Facts:
    """What streaming training prints of its states, and its log but for what clocks measure."""
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    timed = ("speed/", "device/")
    kept = [{n: v for n, v in row.items() if not n.startswith(timed)} for row in rows]
    hidden = [name for name in files(workdir) if re.search(r"(^|/)\.", name)]
    return {
        **json.loads(out.splitlines()[-1]),
        "metrics": "\n".join(map(json.dumps, kept)),
        "files": " ".join(hidden),
    }


def files(workdir: Path) -> list[str]:
    names = [
        # What follows is the time and the machine.
        re.sub(r"(/events\.out\.tfevents)\..*", r"\1", str(path.relative_to(workdir)))
        for path in workdir.rglob("*")
        if path.is_file()
    ]
    return sorted(name for name in names if not VOLATILE.fullmatch(name))


def sweeps(kind: str) -> Subject:
    """A small sweep: `plain`, `halving` or `searching`."""
    program = str(SUPPORT / "soaked.py")
    return Subject(kind, lambda workdir: [program, kind, str(workdir)], printed)


def launched(workdir: Path) -> list[str]:
    small = ("steps=40", "seeds=4", "hidden=0,2", "learning_rates=0.1")
    return ["-m", "experiments.xor", f"--workdir={workdir}", *(f"--config.{s}" for s in small)]


def streaming(workdir: Path) -> list[str]:
    asked = ("--steps=300", "--save_steps=20", "--evaluation_steps=25")
    return [str(ROOT / "tests/faults/streaming_run.py"), str(workdir), *asked]


SUBJECTS = {
    each.name: each
    for each in (
        *map(sweeps, ("plain", "halving", "searching")),
        Subject("experiment", launched, of_experiment),
        Subject("streaming", streaming, of_stream, anew=False),
    )
}


def differing(expected: Facts, found: Facts) -> str:
    """Which facts differ, in words."""
    names = [n for n in sorted({*expected, *found}) if expected.get(n) != found.get(n)]
    if "files" in names:
        was, now = (set(each.get("files", "").split()) for each in (expected, found))
        names[names.index("files")] = f"files (new {sorted(now - was)}, gone {sorted(was - now)})"
    return ", ".join(names)


def moment_of(workdir: Path, err: str) -> str:
    """In what a launch died, as far as it said or the workdir tells."""
    if dies := re.findall(r"^dies: (\S+) (.*)$", err, re.MULTILINE):
        event, path = dies[-1]
        return f"at {event.removeprefix('os.')} {place(path)}"
    names = [str(path.relative_to(workdir)) for path in workdir.rglob("*")]
    if not names:
        return "at start"
    if any(re.search(r"\.draft$|/\.step_", name) for name in names):
        return "in a write"
    for name, moment in (("verdict.json", "at the end"), ("curves.npz", "in the conclusion")):
        if name in names:
            return moment
    ledger = "trials.jsonl" in names
    states = any(re.match(r"checkpoints/.*step_|rungs/", name) for name in names)
    return {
        (False, False): "compiling",
        (False, True): "in the first chunk",
        (True, False): "between chunks",
        (True, True): "in a chunk",
    }[ledger, states]


def place(path: str) -> str:
    """A path without what differs from way to way."""
    path = re.sub(r"\.\d+\.draft$", "", path)
    return re.sub(r"[0-9a-f]{16,}|step_\d+|/d/.*", "*", path)
