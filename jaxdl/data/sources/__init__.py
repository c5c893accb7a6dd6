"""Sources of data, one a file; none needs a network unless it says so."""
