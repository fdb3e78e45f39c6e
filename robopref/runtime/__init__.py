"""Observe, sample, rank, filter, execute, notify: at a fixed rate, without any code of training."""
