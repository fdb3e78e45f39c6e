"""One short file for each command; only this package touches Hydra."""
