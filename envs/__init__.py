"""Gymnasium tasks; use them as ``gym.make("envs:robopref/<id>")``."""

import os

from gymnasium.envs.registration import register

from robopref.processor import choose_renderer

# MuJoCo chooses its OpenGL backend once; without a display only an off-screen one works.
if "DISPLAY" not in os.environ:
    choose_renderer()

register(id="robopref/RopeShaping-v0", entry_point="envs.rope:RopeShapingEnv", max_episode_steps=8)
register(id="robopref/Gym-v0", entry_point="envs.foreign:ForeignEnv")
register(id="robopref/GranularPile-v0", entry_point="envs.pile:GranularPileEnv", max_episode_steps=12)
register(id="robopref/ClothFold-v0", entry_point="envs.fold:ClothFoldEnv", max_episode_steps=5)
register(id="robopref/ClothUnfolding-v0", entry_point="envs.unfold:ClothUnfoldingEnv", max_episode_steps=8)
register(id="robopref/Dressing-v0", entry_point="envs.dressing:DressingEnv", max_episode_steps=40)
register(id="robopref/PlanarPush-v0", entry_point="envs.planar_push:PlanarPushEnv", max_episode_steps=60)
register(id="robopref/CartPole-v0", entry_point="envs.cart_pole:CartPoleEnv", max_episode_steps=150)
register(id="robopref/DrawerOpen-v0", entry_point="envs.drawer_open:DrawerOpenEnv", max_episode_steps=60)
register(id="robopref/SweepInto-v0", entry_point="envs.sweep_into:SweepIntoEnv", max_episode_steps=60)
register(id="robopref/Soccer-v0", entry_point="envs.soccer:SoccerEnv", max_episode_steps=60)
register(id="robopref/InclinePush-v0", entry_point="envs.incline_push:InclinePushEnv", max_episode_steps=60)
register(id="robopref/BinPick-v0", entry_point="envs.bin_pick:BinPickEnv", max_episode_steps=60)
register(id="robopref/WallStop-v0", entry_point="envs.wall_stop:WallStopEnv", max_episode_steps=40)
register(id="robopref/ValveTurn-v0", entry_point="envs.valve_turn:ValveTurnEnv", max_episode_steps=60)
register(id="robopref/FeatureReach-v0", entry_point="envs.feature_reach:FeatureReachEnv", max_episode_steps=50)
