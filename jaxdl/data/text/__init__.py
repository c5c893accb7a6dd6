"""Text and other sequences on the host, NumPy only: sources, vocabularies, tokenizers, batches."""
