import pytest

from jaxdl.data.sources import inflections

WORDS = {"array", "shape", "shard", "class", "use", "values", "value", "arrays"}


@pytest.mark.parametrize(
    ("form", "base"),
    [("arrays", "array"), ("shaped", "shape"), ("shapes", "shape"), ("shaping", "shape"),
     ("sharding", "shard"), ("using", None), ("classs", None), ("array", None), ("zebras", None)],
)  # fmt: skip
def test_the_base_of_a_form(form, base):
    assert inflections.base_of(form, WORDS) == base


def test_each_base_has_its_first_form_and_no_form_is_a_base():
    assert inflections.pairs(["shapes", "arrays", "shaped", "zebras"], WORDS) == {
        "shape": "shapes",
        "array": "arrays",
    }
    nested = inflections.pairs(["painting", "paintings"], {"paint", "painting"})
    assert nested == {"painting": "paintings"}


def test_analogies_are_asked_of_two_words_with_the_same_suffix():
    words = ["array", "shapes", "arrays", "shape", "plotted", "shaped", "walk", "walked", "value"]
    expected = {
        "array arrays shape shapes",
        "shape shaped walk walked",
        "shape shapes array arrays",
        "walk walked shape shaped",
    }
    spelled = [" ".join(words[i] for i in places) for places in inflections.analogies(words)]
    assert sorted(spelled) == sorted(expected)
    one_each = {" ".join(words[i] for i in each) for each in inflections.analogies(words, most=1)}
    assert one_each < expected
    assert {each[-1] for each in one_each} == {"s", "d"}
    none = inflections.analogies(["array", "shape", "shapes"])
    assert none.shape == (0, 4)


@pytest.mark.parametrize(
    ("word", "ending"),
    [("training", "ing"), ("passed", "ed"), ("exactly", "ly"), ("values", "s"), ("string", "ing"),
     ("class", ""), ("axis", ""), ("status", ""), ("speed", ""), ("was", ""), ("ring", "")],
)  # fmt: skip
def test_endings(word, ending):
    assert inflections.ending(word) == ending
