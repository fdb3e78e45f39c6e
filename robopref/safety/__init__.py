"""What every command passes last: limits, a safety filter, states and a watchdog, all of which fail closed."""
