"""Gymnasium tasks; use them as ``gym.make("envs:robopref/<id>")``."""

from gymnasium.envs.registration import register

register(id="robopref/RopeShaping-v0", entry_point="envs.rope:RopeShapingEnv", max_episode_steps=8)
