"""The parts of a workdir, each with what is wrong with it; nothing is written or locked."""

import contextlib
import hashlib
import json
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdl import checkpoint
from jaxdl._errors import UserError, in_one_line
from jaxdl._workdir import CONFIG, ENVIRONMENT, REPORT, VERDICT
from jaxdl.launch import read_best
from jaxdl.launch.best import MODEL, PARAMS
from jaxdl.report.tables import counted
from jaxdl.streaming.log import BOARD, ROWS
from jaxdl.sweep import ledger, rungs, store
from jaxdl.sweep.fingerprint import CONDITIONS, fingerprint
from jaxdl.trackers.events import records

WHOLE, BEGUN, DAMAGED = "whole", "begun", "damaged"
"""States of a part. Begun: what a process was killed over, and the next launch makes good."""


class Part(NamedTuple):
    """A file or folder of a workdir, what state it is in, and what is to be said of it."""

    name: str
    state: str
    what: str


def of_json(name: str, tell: Callable[[dict[str, Any]], str]) -> Callable[[Path], Iterator[Part]]:
    """A check of a JSON object; `tell` says what is in it, and raises where it cannot be."""

    def check(workdir: Path) -> Iterator[Part]:
        if not (workdir / name).exists():
            return
        try:
            what, state = tell(dict(json.loads((workdir / name).read_bytes()))), WHOLE
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            what, state = f"not as it was written ({in_one_line(error)})", DAMAGED
        yield Part(name, state, what)

    return check


def _config(values: Mapping[str, Any]) -> str:
    return counted(len(values), "key")


def _environment(facts: Mapping[str, Any]) -> str:
    named = [str(facts[name]) for name in ("experiment", "date", "device", "commit")]
    return ", ".join([*named, f"jax {facts['jax']}"])


def _conditions(known: Mapping[str, Any]) -> str:
    for name, facts in known.items():
        if fingerprint(facts) != name:
            raise ValueError(f"{name} is not the fingerprint of its facts")
    return counted(len(known), "fingerprint")


def _verdict(verdict: Mapping[str, Any]) -> str:
    counts = Counter(str(claim["verdict"]) for claim in verdict["claims"])
    judged = ", ".join(f"{verdict} × {count}" for verdict, count in counts.items())
    return f"{judged or 'no claim'}; {verdict['seconds']:.0f} s"


config = of_json(CONFIG, _config)
environment = of_json(ENVIRONMENT, _environment)
conditions = of_json(CONDITIONS, _conditions)
verdict = of_json(VERDICT, _verdict)


def rows(workdir: Path) -> Iterator[Part]:
    """The ledger."""
    name, path = store.LEDGER, workdir / store.LEDGER
    if not path.exists():
        return
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = ledger.read(path)
    except (OSError, ledger.LedgerError) as error:
        yield Part(name, DAMAGED, str(error).removeprefix(f"{path}, "))
        return
    statuses = Counter(str(row.get("status")) for row in found)
    programs = len({str(row.get("program")) for row in found})
    counts = ", ".join(f"{count} {status}" for status, count in statuses.items())
    yield Part(
        name, WHOLE, f"{counted(len(found), 'row')} of {counted(programs, 'program')}: {counts}"
    )
    for text in (str(warning.message).removeprefix(f"{path}, ") for warning in caught):
        yield Part(name, BEGUN if "is torn" in text else DAMAGED, text)
    made = {str(row["fingerprint"]) for row in found if "fingerprint" in row}
    if lost := made - _recalled(workdir):
        yield Part(name, DAMAGED, f"{CONDITIONS} does not know {', '.join(sorted(lost))}")


def _recalled(workdir: Path) -> set[str]:
    try:
        return {*dict(json.loads((workdir / CONDITIONS).read_bytes()))}
    except (OSError, ValueError, TypeError):
        return set()


def arrays(workdir: Path) -> Iterator[Part]:
    """Curves, and what waits at rungs: every byte is read, against its sum."""
    names = [store.CURVES, *_below(workdir, "curves"), *_below(workdir, rungs.RUNGS)]
    for name in names:
        path = workdir / name
        if not path.exists():
            continue
        try:
            with np.load(path, allow_pickle=False) as parts:
                shapes = {part: parts[part].shape for part in parts.files}
            trials = shapes["trial" if "trial" in shapes else "ids"][0]
        except Exception as error:  # of zipfile, zlib or NumPy, whichever meets it first
            yield Part(name, DAMAGED, f"not as it was written ({in_one_line(error)})")
            continue
        others = ", ".join(part for part in sorted(shapes) if part != "trial")
        what = "waiting for the others" if name.startswith(rungs.RUNGS) else others
        yield Part(name, WHOLE, f"{counted(trials, 'trial')}: {what}")


def _below(workdir: Path, folder: str) -> list[str]:
    found = sorted((workdir / folder).rglob("*.npz"))
    return [path.relative_to(workdir).as_posix() for path in found if path.name[0] != "."]


def seals(workdir: Path) -> Iterator[Part]:
    """Checkpoints, states of chunks in flight, and states that were kept."""
    for folder in (store.CHECKPOINTS, store.STATES, "best"):
        root = workdir / folder
        inside = [path for path in sorted(root.iterdir()) if path.is_dir()] if root.is_dir() else []
        intact = []
        for directory in (root, *(path for path in inside if not path.name.startswith("."))):
            for path, fault in checkpoint.inspect(directory).items():
                name = path.relative_to(workdir).as_posix()
                if fault is None:
                    intact.append(name)
                else:
                    yield Part(name, DAMAGED, fault)
        if intact:
            newest = max(intact, key=lambda name: name.rpartition("/")[2])
            what = f"{counted(len(intact), 'seal')} as written, the last {newest}"
            yield Part(folder, WHOLE, what)


def metrics(workdir: Path) -> Iterator[Part]:
    """The log of training on a stream: one JSON object a line, a step's metrics once."""
    path = workdir / ROWS
    if not path.exists():
        return
    *lines, torn = path.read_bytes().split(b"\n")
    steps: list[int] = []
    seen: set[tuple[int, tuple[str, ...]]] = set()
    for number, line in enumerate(lines, start=1):
        try:
            row = dict(json.loads(line))
            steps.append(int(row["step"]))
            seen.add((steps[-1], tuple(row)))
        except (ValueError, TypeError, KeyError):
            yield Part(ROWS, DAMAGED, f"line {number} is no row of metrics")
    last = f", the last of step {steps[-1]}" if steps else ""
    yield Part(ROWS, WHOLE, f"{counted(len(steps), 'row')}{last}")
    if len(seen) < len(steps) or sorted(steps) != steps:
        yield Part(ROWS, DAMAGED, "steps do not rise: a row is there twice or out of place")
    if torn:
        yield Part(ROWS, BEGUN, f"line {len(lines) + 1} is torn")


def board(workdir: Path) -> Iterator[Part]:
    """TensorBoard's files of training on a stream, each record against its sums."""
    paths = sorted((workdir / BOARD).glob("events.out.tfevents.*"))
    count = 0
    for path in paths:
        content, name = path.read_bytes(), path.relative_to(workdir).as_posix()
        try:
            found = records(content)
        except ValueError as error:
            yield Part(name, DAMAGED, str(error))
            continue
        count += len(found)
        if sum(16 + len(record) for record in found) < len(content):
            yield Part(name, BEGUN, f"record {len(found) + 1} is torn")
    if paths:
        yield Part(BOARD, WHOLE, f"{counted(len(paths), 'file')}, {counted(count, 'record')}")


def lost(workdir: Path) -> Iterator[Part]:
    """Files of metrics that are shorter than they were when the newest checkpoint was written."""
    contents = max((workdir / store.CHECKPOINTS).glob("step_*/contents.json"), default=None)
    try:
        sizes = dict(json.loads(contents.read_bytes())["meta"]["log"]) if contents else {}
    except (OSError, ValueError, TypeError, KeyError):  # of a sweep, or told elsewhere
        return
    for name, size in sizes.items():
        path = workdir / name
        there = path.stat().st_size if path.exists() else 0
        if there < size:
            yield Part(name, DAMAGED, f"has lost {size - there:,} of {size:,} bytes")


def report(workdir: Path) -> Iterator[Part]:
    """The page, which a finished run has."""
    path = workdir / REPORT
    if path.exists():
        content = path.read_bytes()
        whole = content.rstrip().endswith(b"</html>")
        yield Part(REPORT, WHOLE if whole else DAMAGED, f"{len(content):,} bytes")
    elif (workdir / VERDICT).exists():
        yield Part(REPORT, DAMAGED, "missing, though there is a verdict")


def best(workdir: Path) -> Iterator[Part]:
    """The chosen parameters, against the sum that stands beside them."""
    if not (workdir / "best" / MODEL).exists():  # of a stream it is a checkpoint
        return
    try:
        description, tree = read_best(workdir)
    except UserError as error:
        # Written before the verdict, so without one the next launch writes it again.
        state = DAMAGED if (workdir / VERDICT).exists() else BEGUN
        yield Part("best", state, str(error).partition(": ")[2])
        return
    what = f"{description.get('model')} for {description.get('task')}: {', '.join(tree)}"
    yield Part("best", WHOLE, what)
    written = description.get("sha256")
    if written is None:
        yield Part("best", WHOLE, "older than its sum: its bytes are read, not verified")
    elif written != hashlib.sha256((workdir / "best" / PARAMS).read_bytes()).hexdigest():
        yield Part("best", DAMAGED, f"{PARAMS} is not as it was written")


CHECKS = (
    *(config, environment, conditions, rows, arrays, seals, metrics, board, lost),
    *(verdict, report, best),
)


def parts(workdir: Path) -> list[Part]:
    """All that is there of a run. Raises UserError where there is none."""
    if not workdir.is_dir():
        raise UserError(f"{workdir} is no folder")
    found = [part for check in CHECKS for part in check(workdir)]
    # Of a worker each, like a small workdir.
    for place in sorted((workdir / store.CHUNKS).glob("*")):
        of = [part for check in CHECKS for part in check(place)]
        found += [part._replace(name=f"{store.CHUNKS}/{place.name}/{part.name}") for part in of]
    if not found:
        raise UserError(
            f"{workdir} holds no run: none of {CONFIG}, {store.LEDGER}, {ROWS}, checkpoints"
        )
    return found + _missing_curves(workdir, found)


def _missing_curves(workdir: Path, found: list[Part]) -> list[Part]:
    """Rows are written after their curves, so a row without is damage."""
    if any(part.state == DAMAGED for part in found if part.name.startswith(("curves", "trials"))):
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        there = ledger.read(workdir / store.LEDGER)
    drawn: set[str] = set()
    # In the order in which a run that goes on meanwhile may gather and remove them.
    for name in (*_below(workdir, "curves"), store.CURVES):
        with (
            contextlib.suppress(FileNotFoundError),
            np.load(workdir / name, allow_pickle=False) as held,
        ):
            drawn |= set(held["trial"].tolist())
    lost = [row["trial"] for row in there if row.get("status") != "error"]
    lost = [trial for trial in lost if trial not in drawn]
    if not lost:
        return []
    return [Part(store.CURVES, DAMAGED, f"{counted(len(lost), 'row')} without: {lost[0]} …")]
