"""MJCF scenes, shipped as `robopref.assets`."""
