"""The rows of the people benchmark, a file each."""
