"""Names and text that are safe."""

import pytest

from jaxdl import _text as text


@pytest.mark.parametrize("name", ["heat_map", "a", "A-1.b", "x" * 128])
def test_plain_names_pass(name):
    assert text.check_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", ".x", "a/b", "../a", "a\0", "a\n", "é", "x" * 129])
def test_other_names_do_not(name):
    with pytest.raises(ValueError, match="plain file name"):
        text.check_name(name)


def test_clean_replaces_what_could_act_on_a_terminal_or_turn_the_text():
    assert text.clean("a\x1b[31mb\x00\u202ec\ud800") == "a\ufffd[31mb\ufffd\ufffdc\ufffd"
    assert text.clean("λ × 日本\n\tx y") == "λ × 日本\n\tx y"


def test_digits_before_the_point_are_written_out():
    numbers = (999.4, 18008.9, -18008.9, 2e7, 0.012345)
    assert [text.significant(number) for number in numbers] == [
        *("999", "18,009", "-18,009", "2e+07", "0.0123")
    ]
    assert text.significant(123.4, 2) == "123"
