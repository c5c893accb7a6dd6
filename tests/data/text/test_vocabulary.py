import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from jaxdl.data.errors import DataError
from jaxdl.data.text import vocabulary as vocab
from jaxdl.data.text.vocabulary import END, PAD, SPECIAL, START, UNKNOWN, Vocabulary

TEXT = ["the", "cat", "and", "the", "dog", "and", "the", "bird"]
WORDS = vocab.build(TEXT)


def refusal(function, *arguments):
    with pytest.raises(DataError) as caught:
        function(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_words_by_frequency_then_alphabet():
    assert WORDS.words == (*SPECIAL, "the", "and", "bird", "cat", "dog")
    assert vocab.build(TEXT, min_count=2).words == (*SPECIAL, "the", "and")
    assert vocab.build(TEXT, size=7).words == (*SPECIAL, "the", "and", "bird")
    with pytest.raises(ValueError, match="size 3 has no room for the 4"):
        vocab.build(TEXT, size=3)


def test_ids_by_hand_and_back():
    ids = vocab.encode(WORDS, ["the", "cow", "dog"])
    assert ids.dtype == np.int32
    assert ids.tolist() == [4, UNKNOWN, 8]
    assert vocab.decode(WORDS, ids) == ["the", "<unknown>", "dog"]
    assert vocab.decode(WORDS, vocab.encode(WORDS, TEXT)) == TEXT


def test_a_text_cannot_spell_a_special_word():
    words = vocab.build([*TEXT, "<pad>", "<pad>", "<end>"])
    assert words == WORDS
    assert vocab.encode(words, SPECIAL).tolist() == [UNKNOWN] * 4


def test_content_undoes_framed_padding_and_what_comes_after_the_end():
    ids = vocab.encode(WORDS, TEXT)
    whole = vocab.framed(ids)
    assert (whole[0], whole[-1], whole.dtype) == (START, END, np.int32)
    for padded in (whole, [*whole, PAD, PAD], [*whole, 7, 7], whole[:-1]):
        np.testing.assert_array_equal(vocab.content(padded), ids)


def test_bag_of_words_is_scikit_learns():
    texts = ["the dog and the cat", "a bird", "and and and"]
    ids = np.zeros((3, 6), int)
    for row, text in zip(ids, texts, strict=True):
        encoded = vocab.encode(WORDS, text.split())
        row[: len(encoded)] = encoded
    counter = CountVectorizer(vocabulary=WORDS.words[4:], token_pattern=r"\S+")
    bags = vocab.bag_of_words(ids, len(WORDS))
    np.testing.assert_array_equal(bags[:, 4:], counter.transform(texts).toarray())
    np.testing.assert_array_equal(bags[:, :4], [[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(vocab.bag_of_words(ids[0], len(WORDS)), bags[0])


def test_a_bag_is_the_sum_of_one_hot_vectors():
    ids = np.array([[4, 5, 5], [8, 1, 8]])
    unit = vocab.one_hot(ids, len(WORDS))
    assert (unit.shape, unit.dtype) == ((2, 3, 9), np.float32)
    np.testing.assert_array_equal(unit.argmax(-1), ids)
    np.testing.assert_array_equal(unit.sum(1), vocab.bag_of_words(ids, 9))


def test_hashes_are_the_same_in_another_process():
    tokens = ["the", "Ünïcode", "", "\ud800"]
    here = [vocab.hashed(token, 1 << 20) for token in tokens]
    code = "from jaxdl.data.text.vocabulary import hashed\n"
    code += f"print([hashed(token, 1 << 20) for token in {tokens!a}])"
    there = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(there) == here
    assert here[0] == 776798


def test_collisions_are_as_many_as_chance_has_them():
    assert vocab.collisions(["a", "a", "b", "c"], 1) == 2
    tokens, buckets = [f"word{i}" for i in range(3000)], 4096
    expected = 3000 - buckets * (1 - (1 - 1 / buckets) ** 3000)
    # Five standard deviations of the number of empty buckets (Johnson & Kotz 1977).
    load = 3000 / buckets
    deviation = np.sqrt(buckets * np.exp(-2 * load) * (np.exp(load) - 1 - load))
    assert abs(vocab.collisions(tokens * 2, buckets) - expected) < 5 * deviation


def test_hashes_fill_their_buckets_evenly():
    counts = np.bincount([vocab.hashed(f"w{i}", 16) for i in range(8000)], minlength=16)
    assert ((counts - 500) ** 2 / 500).sum() < 44.3  # 15 degrees: exceeded once in 10,000


@pytest.mark.parametrize("bad", [9, -1])
def test_ids_out_of_range_are_named(bad):
    ids = np.full((2, 3), 4)
    ids[1, 2] = bad
    expected = f"ids, position 1, 2: id {bad} is outside 0..8"
    for function in (vocab.bag_of_words, vocab.one_hot):
        assert refusal(function, ids, 9) == expected
    assert refusal(vocab.decode, WORDS, ids[1]) == expected.replace("1, 2", "2")
    assert "dtype float64" in refusal(vocab.check_ids, "x", np.zeros(2), 9)
    vocab.check_ids("x", np.array([], float), 9)


def test_another_vocabulary_is_named_by_its_first_difference():
    vocab.check_same(WORDS, vocab.build(TEXT))
    other = Vocabulary((*WORDS.words[:6], "bee", "cow"))
    expected = "another vocabulary: id 6 is 'bird', in the saved one 'bee'"
    assert refusal(vocab.check_same, WORDS, other) == expected
    shorter = Vocabulary(WORDS.words[:-1])
    assert "9 words, in the saved one 8" in refusal(vocab.check_same, WORDS, shorter)


def test_saved_and_loaded(tmp_path):
    words = Vocabulary((*SPECIAL, "é", "\r\n", '"', "語", "\ud800"))
    vocab.save(tmp_path / "new" / "words.json", words)
    assert vocab.load(tmp_path / "new" / "words.json") == words
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["words.json"]


@pytest.mark.parametrize("text", ["[", "{}", "[1]", '["a"]', json.dumps([*SPECIAL, "a", "a"])])
def test_a_damaged_file_is_named(tmp_path, text):
    path = tmp_path / "words.json"
    path.write_text(text)
    assert f"{path} is not a vocabulary" in refusal(vocab.load, path)
    assert "cannot read" in refusal(vocab.load, tmp_path / "none.json")


def test_only_integers_are_framed():
    with pytest.raises(DataError, match="ids: dtype float64, integers are needed"):
        vocab.framed(np.array([4.5]))
    assert vocab.framed(np.array([])).tolist() == [START, END]


def test_rows_are_cut_or_filled():
    known = vocab.build("aab")
    found = vocab.rows(known, ("abcab", "", "b"), 3)
    a, b = vocab.encode(known, "ab")
    assert found.tolist() == [[a, b, vocab.UNKNOWN], [0, 0, 0], [b, 0, 0]]
    assert found.dtype == np.int32
