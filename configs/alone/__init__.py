"""Settings of commands without groups, in which the name of a group is free."""
