"""In what two runs differ before anything was measured: configuration, environment, conditions."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jaxdl import report
from jaxdl._errors import UserError
from jaxdl._workdir import CONFIG, ENVIRONMENT
from jaxdl.sweep import ledger, store
from jaxdl.sweep.fingerprint import LIBRARIES, recall

OF_THE_LAUNCH = frozenset({"command", "date", "failed", "seconds_before", "trials"})
"""Facts of an environment that are no conditions of the numbers."""
HASHED = frozenset({"conditions.code", "conditions.data"})
"""Of which only a hash is known."""
Difference = tuple[str, str, str]
"""What differs; there; here."""


def differences(first: Path, second: Path) -> list[Difference]:
    """What differs, each by a dotted name. Raises UserError for a file that cannot be read."""
    return [
        *_differing("config", _read(first / CONFIG), _read(second / CONFIG)),
        *_differing("environment", _environment(first), _environment(second)),
        *_conditions(first, second),
    ]


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_bytes())) if path.exists() else {}
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None


def _environment(workdir: Path) -> dict[str, Any]:
    facts = _read(workdir / ENVIRONMENT)
    return {name: value for name, value in facts.items() if name not in OF_THE_LAUNCH}


def _differing(of: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    there, here = (_flat(of, facts) for facts in (first, second))
    names = dict.fromkeys([*there, *here])
    pairs = [
        (name, there.get(name, report.number(None)), here.get(name, report.number(None)))
        for name in names
    ]
    return [pair for pair in pairs if pair[1] != pair[2]]


def _flat(of: str, facts: Mapping[str, Any]) -> dict[str, str]:
    return {row[0]: row[1] for row in report.from_mapping({of: facts}).rows} if facts else {}


def _conditions(first: Path, second: Path) -> Iterator[Difference]:
    """What the rows of each program were made under, once for all programs that differ alike."""
    said = {"program"}
    if all((workdir / ENVIRONMENT).exists() for workdir in (first, second)):
        said |= {"python", *LIBRARIES}  # which the environments have, too
    there, here = (_of_programs(workdir, said) for workdir in (first, second))
    alike: dict[Difference, list[str]] = {}
    common = [program for program in there if program in here]
    for program in common:
        for name, before, now in _differing("conditions", there[program], here[program]):
            if name in HASHED:
                before, now = "one", "another"
            alike.setdefault((name, before, now), []).append(program)
    for (name, before, now), programs in alike.items():
        of = "" if programs == common else f" of {', '.join(programs)}"
        yield f"{name}{of}", before, now


def _of_programs(workdir: Path, without: set[str]) -> dict[str, dict[str, Any]]:
    """Conditions of each program's last rows."""
    try:
        known, rows = recall(workdir), store.rows(workdir)
    except (ValueError, ledger.LedgerError) as error:
        raise UserError(f"{workdir}: {error}") from None
    made = {str(row.get("program")): known.get(str(row.get("fingerprint"))) for row in rows}
    return {
        program: {name: value for name, value in facts.items() if name not in without}
        for program, facts in made.items()
        if facts is not None
    }
