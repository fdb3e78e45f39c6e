"""Training: one gradient loop, and what it is fed."""
