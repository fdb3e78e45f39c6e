"""Terse instructions made explicit, so that who goes by what is said alone does what was meant."""
