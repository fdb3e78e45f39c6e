"""Rewards learnt from preferences, explicit and implicit, behind one protocol."""
