"""Which answers count; one filter a file."""
