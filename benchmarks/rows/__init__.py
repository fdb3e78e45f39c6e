"""The rows of the objectives benchmark, a file each."""
