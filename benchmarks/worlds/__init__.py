"""Small worlds whose answer is known in closed form."""
