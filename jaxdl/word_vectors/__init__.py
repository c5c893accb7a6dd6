"""Word vectors: word2vec, fastText, GloVe; windows, trees, training."""
