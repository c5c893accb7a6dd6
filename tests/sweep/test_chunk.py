"""What a segment says of its lanes, by curves written by hand."""

import numpy as np
import pytest

from jaxdl.sweep import chunk

NAN = np.nan
CASES = {
    # losses of six steps, when parameters are lost, evaluation; status, steps, survived
    "sound": ([3, 2, 1, 1, 1, 1], 9, {"v_loss": 1}, ("ok", 6, 0)),
    "a skipped step": ([3, NAN, 1, 1, 1, 1], 9, {"v_loss": 1}, ("ok", 6, 1)),
    "skipped at the end": ([3, 2, 1, 1, 1, NAN], 9, {"v_loss": 1}, ("ok", 6, 1)),
    "with an undefined score": ([3, 2, 1, 1, 1, NAN], 9, {"v_loss": 1, "f1": NAN}, ("ok", 6, 1)),
    "without evaluation": ([3, 2, 1, 1, 1, NAN], 9, {}, ("diverged", 6, 0)),
    "two steps in a row": ([3, 2, NAN, NAN, 1, 1], 9, {"v_loss": 1}, ("ok", 6, 2)),
    "lost parameters": ([3, 2, 1, 1, 1, 1], 6, {"v_loss": NAN}, ("diverged", 6, 0)),
    "lost in the middle": ([3, 2, NAN, NAN, NAN, NAN], 3, {"v_loss": NAN}, ("diverged", 3, 0)),
    "skipped, then lost": ([3, NAN, 1, 1, NAN, NAN], 5, {"v_loss": NAN}, ("diverged", 5, 1)),
    "lost at once": ([NAN] * 6, 1, {"v_loss": NAN}, ("diverged", 1, 0)),
    "the loss overflows": ([3, 2, 1, 1, 1, np.inf], 9, {"v_loss": np.inf}, ("diverged", 6, 0)),
    "never a number": ([NAN] * 6, 9, {"v_loss": 1}, ("diverged", 1, None)),
    "no number any more": ([3, 2, NAN, NAN, NAN, NAN], 9, {"v_loss": 1}, ("diverged", 3, None)),
}


@pytest.mark.parametrize("segments", [1, 2, 3, 6])
@pytest.mark.parametrize(("losses", "lost", "measured", "expected"), CASES.values(), ids=CASES)
def test_what_stands_is_judged_wherever_a_segment_ends(losses, lost, measured, expected, segments):
    length = 6 // segments
    record = chunk.Record(
        *(np.zeros(1, np.int32) for _ in range(4)),
        {"loss": np.full((1, 6), NAN, np.float32)},
        {name: np.full((1, segments), NAN, np.float32) for name in measured},
    )
    for segment in range(segments):
        end = (segment + 1) * length
        chunk.update(
            record,
            segment,
            {"loss": np.array([losses[segment * length : end]], np.float32)},
            np.array([end < lost]),
            np.array([end]),
            {name: np.array([value]) for name, value in measured.items()},
        )
    outcome = chunk.outcome(record, 0)
    status, steps, survived = expected
    assert (outcome["status"], outcome["steps"]) == (status, steps)
    assert outcome["diverged_at"] == (steps if status == "diverged" else None)
    if status == "ok":
        assert record.survived[0] == survived
        assert (outcome["message"] is None) == (not survived)
        assert outcome["v_loss"] == measured["v_loss"]
    else:
        assert "not finite" in outcome["message"]
