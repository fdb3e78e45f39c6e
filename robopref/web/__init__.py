"""Pages on this machine: who may see them, what is let in, and point clouds in the browser."""
