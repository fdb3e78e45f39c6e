"""The rows of the fewer-labels benchmark, a file each."""
