"""Word vectors: word2vec, fastText; windows, trees, training."""
