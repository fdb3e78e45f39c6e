"""Choosing among candidate actions."""
