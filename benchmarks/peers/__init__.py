"""Other projects in their own code, from checkouts that the environment names."""
