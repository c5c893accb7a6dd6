"""What a terminal sees of a session that ends early."""

import pytest

from jaxdl import checkpoint, streaming


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (streaming.Refused("x was begun"), 2, "x was begun"),
        (checkpoint.WorkdirBusy("x is in use"), 2, "x is in use"),
        (streaming.Diverged("the loss"), 1, "failed: the loss"),
        (checkpoint.CheckpointError("none"), 1, "failed: none"),
        (OSError("full"), 1, "failed: full"),
        (streaming.Interrupted(), 75, ""),
    ],
)
def test_it_ends_in_one_line(capsys, error, code, line):
    with pytest.raises(SystemExit) as ended, streaming.in_one_line():
        raise error
    assert ended.value.code == code
    assert capsys.readouterr().err.strip() == line


def test_other_errors_pass():
    with pytest.raises(KeyError), streaming.in_one_line():
        raise KeyError
