"""Pages to look at: a robot's run, and what its cameras see."""
