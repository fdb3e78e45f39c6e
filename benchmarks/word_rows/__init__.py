"""The rows of the benchmark of words, a file each."""
