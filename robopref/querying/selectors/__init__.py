"""What to ask next, from what several rewards make of the items; one concept a file."""
