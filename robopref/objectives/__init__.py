"""Pure functions of scores and targets; they never see a model, an environment or a config."""
