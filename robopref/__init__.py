"""A framework for robotics preference learning."""
