"""The file of verdicts: its keys, its nulls, its outcomes."""

import json
import math

import numpy as np
import pytest

from jaxdl import stats
from jaxdl.report import claims

KEYS = [
    "row",
    "claim",
    "quantity",
    "unit",
    "threshold",
    "measured",
    "interval",
    "method",
    "verdict",
]


def judged(values, threshold=0.5, direction="above"):
    interval = stats.mean_interval(values)
    return claims.judge("O2", "It helps.", "accuracy", "fraction", threshold, interval, direction)


@pytest.mark.parametrize(
    ("values", "direction", "verdict"),
    [
        ([0.9, 0.91, 0.92], "above", "holds"),
        ([0.9, 0.91, 0.92], "below", "fails"),
        ([0.4, 0.5, 0.7], "above", "inconclusive"),
        ([0.9], "above", "inconclusive"),
    ],
)
def test_judge(values, direction, verdict):
    claim = judged(values, direction=direction)
    assert claim.verdict == verdict
    assert claim.measured == pytest.approx(np.mean(values))
    assert claim.method.startswith("Student t, 95 %")


def test_two_seeds_judge_nothing_and_the_method_says_so():
    claim = judged([0.9919, 0.9915])
    assert claim.verdict == "inconclusive"
    assert claim.method == "Student t, 95 %; a claim needs 3 seeds or more, not 2"


def test_verdict_json_has_exactly_its_keys_and_null_for_nan(tmp_path):
    path = tmp_path / "verdict.json"
    rows = [judged([0.9, 0.91, 0.92]), judged([math.nan])._replace(verdict="depends")]
    claims.write_verdict(path, np.int64(5), np.float32(1.5), rows)
    read = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert list(read) == ["seeds", "seconds", "claims"]
    assert (read["seeds"], read["seconds"]) == (5, 1.5)
    assert [list(row) for row in read["claims"]] == [KEYS, KEYS]
    assert read["claims"][0]["interval"] == pytest.approx([0.885159, 0.934841], abs=1e-6)
    assert read["claims"][1]["measured"] is None
    assert read["claims"][1]["interval"] == [None, None]
    assert read["claims"][1]["verdict"] == "depends"


def test_an_unknown_verdict_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="'perhaps'"):
        claims.write_verdict(tmp_path / "v.json", 1, 1.0, [judged([1])._replace(verdict="perhaps")])
    assert list(tmp_path.iterdir()) == []


def test_table_shows_what_the_file_holds():
    table = claims.claims_table([judged([0.9, 0.91, 0.92]), judged([0.9])])
    assert table.rows[0] == (
        "O2",
        "It helps.",
        "accuracy (fraction)",
        "0.5",
        "0.91",
        "0.885 … 0.935",
        "Student t, 95 %",
        "holds",
    )
    assert table.rows[1][4:6] == ("0.9", "–")


@pytest.mark.parametrize(
    ("values", "verdict"),
    [([[3, 3.1, 3.2], [2, 2.1, 2.2]], "holds"), ([[3, 3.1, 3.2], [0, 0.1, 0.2]], "depends"),
     ([[3, 3.1, 3.2], [0, 1, 2]], "inconclusive")],
)  # fmt: skip
def test_claims_together_have_the_numbers_of_the_weakest(values, verdict):
    single = claims.Claim("O2", "It helps.", "gain", above=0.5)
    judged = [single.judge(stats.mean_interval(each)) for each in values]
    whole = claims.Claim("O2", "It helps everywhere.", "least gain", above=0.5)
    found = whole.judge_together(judged)
    assert (found.claim, found.quantity) == ("It helps everywhere.", "least gain")
    assert (found.measured, found.verdict) == (judged[1].measured, verdict)
    below = claims.Claim("O2", "It is cheap.", "cost", below=0.5)
    assert below.judge_together(judged).measured == judged[0].measured
