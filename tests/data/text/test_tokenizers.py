"""Hand-worked merges, merges that the library `tokenizers` learned, and the library where it is."""

import itertools
import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdl.data.errors import DataError
from jaxdl.data.sources import documents
from jaxdl.data.text import tokenizers
from jaxdl.data.text.tokenizers import INSIDE, Merges

TEXT = """A language model is a probability distribution over words. Given the words before it, the
next word is predicted; the more predictable the words, the lower the perplexity of the model."""
LEARNED = """h+e t+he o+r w+or wor+d d+i e+r i+t p+r word+s a+b c+t d+e e+x e+di i+s m+o or+e it+y
pr+edi de+l mo+del predi+ct a+g a+n b+e b+u b+ab e+d e+n f+ore g+i g+u i+l i+o"""
"""What tokenizers 0.23.3 learns from TEXT with 60 symbols."""


def test_words_by_hand():
    expected = ["don't", "say", "x_1", "=", "2", ".", "5", "'", "café", "!"]
    assert tokenizers.words("Don't say X_1=2.5 'Café!") == expected


@given(st.text())
def test_characters_and_bytes_lose_nothing(text):
    assert "".join(tokenizers.characters(text)) == text
    ids = tokenizers.byte_ids(text)
    assert ids.dtype == np.int32
    assert tokenizers.from_byte_ids(ids) == text
    assert tokenizers.from_byte_ids([2, *ids, 3, 0]) == text


def test_byte_ids_by_hand():
    assert tokenizers.byte_ids("a\u00e9").tolist() == [97 + 4, 0xC3 + 4, 0xA9 + 4]
    assert tokenizers.from_byte_ids([0xC3 + 4]) == "\ufffd"
    with pytest.raises(DataError, match=r"position 1: id 260 is outside 0\.\.259"):
        tokenizers.from_byte_ids([9, 260])


def test_bpe_by_hand_on_the_words_of_the_paper():
    counts = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
    merges = tokenizers.train_bpe(counts, 18)
    assert merges.alphabet == tuple("deilnorstw")
    assert [" ".join(pair) for pair in merges.pairs] == [
        "e s", "es t", "l o", "lo w", "e w", "n ew", "new est", "d est",
    ]  # fmt: skip
    assert tokenizers.bpe("lowest", merges) == ["low", "est"]
    assert tokenizers.bpe("newer", merges) == ["new", "e", "r"]
    assert tokenizers.bpe("xlow", merges) == ["x", "low"]
    assert tokenizers.bpe("", merges) == []


def test_bpe_learns_what_the_library_learned():
    counts = Counter(tokenizers.words(TEXT))
    merges = tokenizers.train_bpe(counts, 60)
    assert ["+".join(pair) for pair in merges.pairs] == LEARNED.split()
    assert tokenizers.bpe("predictions", merges) == ["predict", "io", "n", "s"]
    assert tokenizers.bpe("tomodel", merges) == ["t", "o", "model"]
    assert tokenizers.bpe("perplexing", merges) == ["p", "er", "p", "l", "ex", "i", "n", "g"]


def test_bpe_stops_when_all_words_are_symbols():
    merges = tokenizers.train_bpe({"ab": 2, "abc": 1, "zz": 0}, 100)
    assert merges.pairs == (("a", "b"), ("ab", "c"))
    assert merges.vocabulary == ("a", "b", "c", "ab", "abc")


def test_the_leftmost_of_equal_pairs_is_joined_first():
    assert tokenizers.bpe("aaaaa", Merges(("a",), (("a", "a"),))) == ["aa", "aa", "a"]
    # The pair that the first joining makes was learned earlier than the pair of the second one.
    merges = Merges(("a", "b", "c"), (("b", "c"), ("abc", "a"), ("a", "bc")))
    assert tokenizers.bpe("abcabc", merges) == ["abca", "bc"]


def test_wordpiece_takes_the_longest_piece_at_each_place():
    vocabulary = {"un", "una", "##aff", "##able", "##ff", "##a", "##b", "##l"}
    assert tokenizers.wordpiece("unaffable", vocabulary) == ["una", "##ff", "##able"]
    assert tokenizers.wordpiece("unaffabl", vocabulary) == ["una", "##ff", "##a", "##b", "##l"]
    assert tokenizers.wordpiece("affable", vocabulary) == ["<unknown>"]
    assert tokenizers.wordpiece("una!", vocabulary, "[UNK]") == ["[UNK]"]
    assert tokenizers.joined(["una", "##ff", "##able"]) == "unaffable"


def test_wordpiece_vocabulary_by_hand():
    merges = tokenizers.train_bpe({"abab": 3, "ab": 1}, 7, INSIDE)
    assert merges.alphabet == ("##a", "##b", "a")
    assert merges.pairs == (("a", "##b"), ("##a", "##b"), ("ab", "##ab"))
    assert merges.vocabulary == ("##a", "##b", "a", "ab", "##ab", "abab")


@pytest.mark.parametrize("prefix", ["", INSIDE])
def test_pieces_joined_are_the_word(prefix):
    counts = Counter(tokenizers.words(TEXT))
    merges = tokenizers.train_bpe(counts, 70, prefix)
    vocabulary = set(merges.vocabulary)
    for word in counts:
        assert tokenizers.joined(tokenizers.bpe(word, merges), prefix) == word
        if prefix:
            assert tokenizers.joined(tokenizers.wordpiece(word, vocabulary)) == word


@pytest.fixture(scope="module")
def library():
    return pytest.importorskip("tokenizers", reason="the extra `text` is not installed")


@pytest.fixture(scope="module")
def counts():
    return Counter(word for text in documents.topics()[:20] for word in tokenizers.words(text))


def trained(library, model, trainer, counts):
    """The library's model, trained on words that occur `counts` times."""
    tokenizer = library.Tokenizer(model)
    tokenizer.pre_tokenizer = library.pre_tokenizers.WhitespaceSplit()
    tokenizer.train_from_iterator((" ".join([word] * n) for word, n in counts.items()), trainer)
    return tokenizer


def library_merges(library, counts, size):
    trainer = library.trainers.BpeTrainer(vocab_size=size, show_progress=False)
    tokenizer = trained(library, library.models.BPE(), trainer, counts)
    return tokenizer, tuple(map(tuple, json.loads(tokenizer.to_str())["model"]["merges"]))


def test_bpe_is_the_librarys(library, counts):
    merges = tokenizers.train_bpe(counts, 700)
    tokenizer, pairs = library_merges(library, counts, 700)
    assert merges.pairs == pairs
    assert set(merges.vocabulary) == set(tokenizer.get_vocab())
    for word in tokenizers.words(" ".join(documents.topics()[-5:])):
        known = "".join(letter for letter in word if letter in merges.alphabet)
        if known:
            expected = [token.value for token in tokenizer.model.tokenize(known)]
            assert tokenizers.bpe(known, merges) == expected


@given(st.dictionaries(st.text("abc", min_size=1, max_size=7), st.integers(1, 9), min_size=1))
@settings(max_examples=50, deadline=None)
def test_bpe_is_the_librarys_on_any_words(library, counts):
    assert tokenizers.train_bpe(counts, 15).pairs == library_merges(library, counts, 15)[1]


def test_wordpiece_is_the_librarys_with_the_same_vocabulary(library, counts):
    vocabulary = tokenizers.train_bpe(counts, 700, INSIDE).vocabulary
    ids = {piece: i for i, piece in enumerate(("<unknown>", *vocabulary))}
    model = library.models.WordPiece(ids, unk_token="<unknown>")
    for word in tokenizers.words(" ".join(documents.topics()[-10:])):
        expected = [token.value for token in model.tokenize(word)]
        assert tokenizers.wordpiece(word, ids) == expected


def test_wordpiece_is_trained_as_the_library_does(library):
    """With counts that leave no ties: the library breaks them by the order of a hash table."""
    words = map("".join, itertools.product("abc", repeat=4))
    numbers = np.random.default_rng(0).integers(1, 1000, 81).tolist()
    counts = dict(zip(words, numbers, strict=True))
    trainer = library.trainers.WordPieceTrainer(vocab_size=50, show_progress=False)
    theirs = trained(library, library.models.WordPiece(), trainer, counts).get_vocab()
    assert set(tokenizers.train_bpe(counts, 50, INSIDE).vocabulary) == set(theirs)
    assert len(theirs) == 50
