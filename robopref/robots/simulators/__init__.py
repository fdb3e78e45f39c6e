"""Servers that speak the real protocols of robots, with a robot of this project behind them; simulators, no devices."""
