"""What a segment says of its lanes, by curves written by hand."""

import numpy as np
import pytest

from jaxdl.sweep import chunk

NAN = np.nan
CASES = {
    # curves of two segments, finite parameters after each, evaluation after each:
    # status, steps, survived
    "sound": ([[3, 2], [1, 1]], [1, 1], [2, 1], ("ok", 4, 0)),
    "a skipped step": ([[3, NAN], [1, 1]], [1, 1], [2, 1], ("ok", 4, 1)),
    "skipped at the end": ([[3, 2], [1, NAN]], [1, 1], [2, 1], ("ok", 4, 1)),
    "a whole segment": ([[NAN, NAN], [1, 1]], [1, 1], [2, 1], ("ok", 4, 2)),
    "lost parameters": ([[3, 2], [1, 1]], [1, 0], [2, NAN], ("diverged", 4, 0)),
    "lost in the middle": ([[3, 2], [NAN, NAN]], [1, 0], [2, NAN], ("diverged", 3, 0)),
    "skipped, then lost": ([[3, NAN], [1, NAN]], [1, 0], [2, NAN], ("diverged", 4, 1)),
    "lost at once": ([[NAN, NAN], [0, 0]], [0, 0], [NAN, NAN], ("diverged", 1, 0)),
    "the loss overflows": ([[3, np.inf], [0, 0]], [1, 0], [np.inf, 0], ("diverged", 2, 0)),
    "never a number": ([[NAN, NAN], [NAN, NAN]], [1, 1], [2, 1], ("diverged", 1, 2)),
}


@pytest.mark.parametrize(("losses", "finite", "measured", "expected"), CASES.values(), ids=CASES)
def test_what_stands_after_a_segment_is_judged(losses, finite, measured, expected):
    record = chunk.Record(
        *(np.zeros(1, np.int32) for _ in range(4)),
        {"loss": np.full((1, 4), NAN, np.float32)},
        {"validation_loss": np.full((1, 2), NAN, np.float32)},
    )
    for segment in range(2):
        chunk.update(
            record,
            segment,
            {"loss": np.array([losses[segment]], np.float32)},
            np.array([bool(finite[segment])]),
            np.array([2 * (segment + 1)]),
            {"validation_loss": np.array([measured[segment]])},
        )
    outcome = chunk.outcome(record, 0)
    status, steps, survived = expected
    assert (outcome["status"], outcome["steps"], record.survived[0]) == (status, steps, survived)
    assert outcome["diverged_at"] == (steps if status == "diverged" else None)
    assert (outcome["message"] is None) == (status == "ok" and not survived)
    assert outcome["validation_loss"] == (measured[1] if status == "ok" else None)
