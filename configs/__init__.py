"""Hydra configuration files, shipped as `robopref.configs`."""
