"""What executes actions: simulation here, and one file for each real driver."""
