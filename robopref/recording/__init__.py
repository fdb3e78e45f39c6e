"""Subscribers that write down what happens during a run."""
