"""Rows survive kills, torn lines and full disks; what is not a row is named."""

import json
import math
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdl.sweep import ledger

ROWS = [
    {"trial": "a1", "program": "adam", "hparams": {"learning_rate": 1e-3}, "loss": 0.25},
    {"trial": "b2", "program": "größe", "hparams": {"learning_rate": 0.1}, "loss": None},
    {"trial": "c3", "program": "line\nfeed", "hparams": {}, "curve": [1.5, {"x": [True, "é"]}]},
]


def written(path, rows=ROWS):
    ledger.append(path, rows)
    return path.read_bytes()


def test_rows_come_back_in_order(tmp_path):
    path = tmp_path / "trials.jsonl"
    assert ledger.read(path) == []
    ledger.append(path, [])
    assert not path.exists()
    ledger.append(path, ROWS[:1])
    ledger.append(path, iter(ROWS[1:]))
    assert ledger.read(path) == ROWS
    assert path.read_bytes().count(b"\n") == 3


def test_a_row_torn_at_any_byte_is_dropped_and_written_again(tmp_path):
    path = tmp_path / "trials.jsonl"
    content = written(path)
    start = len(content) - content[::-1].index(b"\n", 1)
    for cut in range(start, len(content)):
        path.write_bytes(content[:cut])
        if cut == start:
            assert ledger.read(path) == ROWS[:2]
        else:
            with pytest.warns(
                UserWarning, match=r"trials\.jsonl, line 3 is torn: its trial runs again"
            ):
                assert ledger.read(path) == ROWS[:2]
        ledger.append(path, ROWS[2:])
        assert path.read_bytes() == content


@pytest.mark.parametrize("size", [1, 65_535, 65_536, 65_537, 200_000])
def test_a_long_torn_line_is_cut_off_whole(tmp_path, size):
    path = tmp_path / "trials.jsonl"
    content = written(path, ROWS[:1])
    path.write_bytes(content + b"{" * size)
    ledger.append(path, ROWS[1:])
    assert ledger.read(path) == ROWS
    path.write_bytes(b"{" * size)
    ledger.append(path, ROWS[:1])
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "line",
    [
        b'{"trial": "b2", "los',
        b"",
        b"\0\0\0\0",
        b'{"trial": "b2", "loss": NaN}',
        b'{"trial": "b2", "loss": -Infinity}',
        b'{"trial": 7}',
        b'{"loss": 1.0}',
        b'["trial"]',
        b'{"trial": "\xff"}',
        b'{"trial": "b2"}{"trial": "c3"}',
    ],
)
def test_a_damaged_line_is_an_error_that_names_it(tmp_path, line):
    path = tmp_path / "trials.jsonl"
    content = written(path).split(b"\n")
    content[1] = line
    path.write_bytes(b"\n".join(content))
    with pytest.raises(
        ledger.LedgerError, match=r"trials\.jsonl, line 2 is not a row \(.*\); delete it"
    ) as caught:
        ledger.read(path)
    assert "\n" not in str(caught.value)


def test_a_second_row_of_a_trial_is_ignored_with_a_warning(tmp_path):
    path = tmp_path / "trials.jsonl"
    ledger.append(path, ROWS)
    ledger.append(path, [ROWS[1] | {"loss": 9.0}])
    with pytest.warns(UserWarning, match=r"line 4 is ignored: trial b2 has a row already"):
        assert ledger.read(path) == ROWS


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ([{"loss": 1.0}], ValueError, "no trial id"),
        ([{"trial": 1}], ValueError, "no trial id"),
        ([ROWS[0], ROWS[1], ROWS[0]], ValueError, "trial a1 has two rows"),
        ([ROWS[0], {"trial": "d", "x": {1, 2}}], TypeError, "set"),
        ([ROWS[0], {"trial": "d", "x": b"bytes"}], TypeError, "bytes"),
    ],
)
def test_a_bad_batch_is_refused_whole(tmp_path, rows, error, message):
    path = tmp_path / "trials.jsonl"
    content = written(path, ROWS[2:])
    with pytest.raises(error, match=message):
        ledger.append(path, rows)
    assert path.read_bytes() == content


NUMBERS = [
    (np.float32(0.1), 0.10000000149011612),
    (np.float64(0.1), 0.1),
    (np.int64(2**62), 2**62),
    (np.bool_(True), True),
    (jnp.bfloat16(1.5), 1.5),
    (jnp.float32(0.5), 0.5),
    (jnp.arange(3), [0, 1, 2]),
    (np.array([[1.0, np.nan], [np.inf, 2.0]]), [[1.0, None], [None, 2.0]]),
    (np.float32("inf"), None),
    (-math.inf, None),
    ((1, math.nan), [1, None]),
]


@pytest.mark.parametrize(("value", "expected"), NUMBERS)
def test_numbers_are_stored_exactly_and_what_is_not_finite_as_null(tmp_path, value, expected):
    path = tmp_path / "trials.jsonl"
    ledger.append(path, [{"trial": "a", "deep": {"x": [value]}}])
    (row,) = ledger.read(path)
    assert row["deep"]["x"] == [expected]
    assert type(row["deep"]["x"][0]) is type(expected)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False,
                                                                     allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.dictionaries(st.text(), values, max_size=3), max_size=4), data=st.data())
def test_any_cut_of_any_file_leaves_the_whole_rows(tmp_path_factory, rows, data):
    path = tmp_path_factory.mktemp("any") / "trials.jsonl"
    rows = [row | {"trial": str(number)} for number, row in enumerate(rows)]
    ledger.append(path, rows)
    content = path.read_bytes() if rows else b""
    cut = data.draw(st.integers(0, len(content)))
    whole = content[:cut].count(b"\n")
    path.write_bytes(content[:cut])
    if content[:cut].endswith(b"\n") or not cut:
        assert ledger.read(path) == rows[:whole]
    else:
        with pytest.warns(UserWarning, match=f"line {whole + 1} is torn"):
            assert ledger.read(path) == rows[:whole]
    ledger.append(path, rows[whole:])
    assert path.read_bytes() == content


def test_to_pandas_has_a_column_per_number(tmp_path):
    frame = ledger.to_pandas(ROWS)
    assert list(frame["trial"]) == ["a1", "b2", "c3"]
    assert frame["hparams.learning_rate"].tolist()[:2] == [1e-3, 0.1]
    assert frame["loss"].isna().tolist() == [False, True, True]
    assert ledger.to_pandas([]).empty


# Forks writers that append as fast as they can, kills each at a random moment after its first row,
# goes on after it.
KILLED = """
import json, os, pathlib, random, signal, sys, time, warnings
from jaxdl.sweep import ledger
path = pathlib.Path(sys.argv[1])
generator = random.Random(0)
def row(number):
    return {"trial": str(number), "curve": [number] * 20_000}
done = size = 0
for _ in range(12):
    child = os.fork()
    if child == 0:
        number = done
        while True:
            ledger.append(path, [row(number), row(number + 1)])
            number += 2
    while not path.exists() or path.stat().st_size < size + 100_000:
        time.sleep(0.001)
    time.sleep(generator.uniform(0, 0.1))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* is torn: its trial")
        rows = ledger.read(path)
    assert rows == [row(number) for number in range(len(rows))]
    assert len(rows) > done
    done, size = len(rows), path.stat().st_size
"""

FULL = """
import json, resource, signal, sys
from jaxdl.sweep import ledger
path, rows = sys.argv[1], json.loads(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ledger.append(path, rows[:2])
before = open(path, "rb").read()
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
for room in (0, 1, 10, 60):
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + room, hard))
    try:
        ledger.append(path, rows[2:])
    except OSError as error:
        assert "File too large" in str(error), error
    else:
        raise AssertionError(room)
    assert open(path, "rb").read() == before
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
ledger.append(path, rows[2:])
assert ledger.read(path) == rows
"""


@pytest.mark.parametrize("script", [KILLED, FULL], ids=["killed", "full disk"])
def test_rows_survive(tmp_path, script):
    command = [sys.executable, "-W", "ignore::RuntimeWarning", "-W", "ignore::DeprecationWarning"]
    rows = json.dumps([*ROWS, {"trial": "d4"}])
    done = subprocess.run(
        [*command, "-c", script, str(tmp_path / "trials.jsonl"), rows],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
