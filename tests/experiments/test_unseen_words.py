import numpy as np
import pytest

from experiments import unseen_words
from jaxdl import launch
from jaxdl.word_vectors.ngrams import ngram_ids

WORDS, BUCKETS = ["reading", "water", "the"], 400


@pytest.fixture
def finished(tmp_path):
    """Vectors by hand: all n-grams of a word point along an axis of its own."""
    table = np.zeros((len(WORDS) + BUCKETS, 3), np.float32)
    table[: len(WORDS)] = np.eye(3)
    ids, mask = ngram_ids(WORDS, BUCKETS, unseen_words.SHORTEST, unseen_words.LONGEST)
    for axis, (row, there) in enumerate(zip(ids, mask > 0, strict=True)):
        table[len(WORDS) + row[there], axis] += 1
    launch.save_best(
        tmp_path, {"input": table}, task="word2vec", model="unseen_words", words=WORDS,
    )  # fmt: skip
    return tmp_path


@pytest.mark.parametrize(("word", "first"), [("Readable", "reading"), ("waterfall", "water")])
def test_a_word_never_seen_is_near_to_the_word_it_is_spelled_like(finished, word, first):
    found = unseen_words.nearest(finished, word).split(", ")
    assert found[0] == first
    assert set(found) == set(WORDS)


def test_no_word_is_one_clear_line(finished):
    with pytest.raises(ValueError, match="an empty word has no n-grams"):
        unseen_words.nearest(finished, " ")
