"""Observe, sample, rank, pass the safety filter, execute, notify: at a fixed rate, without any code of training."""
