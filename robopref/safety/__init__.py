"""What every command passes last: limits, a filter, states and a watchdog, all of which fail closed."""
