"""Claims and how they were measured."""
