"""Text and other sequences: sources, vocabularies, tokenizers, batches, windows of words."""
