"""Which questions to ask."""
