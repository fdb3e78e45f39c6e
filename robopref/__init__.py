"""A framework for robotics preference learning.

``import robopref as rp`` offers the names of `__all__`, which docs/api.md describes; each is loaded when it is first
used. Everything else is in the modules of the package.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "Abstain",
    "Answers",
    "Candidates",
    "CleanDraw",
    "DiffusionPolicy",
    "EpisodeStore",
    "Feedback",
    "FeedbackStore",
    "FitConfig",
    "Guard",
    "ImplicitQLearning",
    "ImplicitReward",
    "Limits",
    "Observation",
    "ObservedPolicy",
    "OfflineConfig",
    "Planner",
    "PolicySpec",
    "Preference",
    "Query",
    "Ranking",
    "RoboprefError",
    "Runtime",
    "Scores",
    "ScriptedTeacher",
    "SegmentReward",
    "Segments",
    "SimPool",
    "TaskRobot",
    "TaskSpec",
    "Transitions",
    "clone_policy",
    "collect_demonstrations",
    "objectives",
    "open_dataset",
    "rank",
    "relabel",
    "train_offline",
    "train_reward",
    "write_dataset",
]

if TYPE_CHECKING:
    from robopref import objectives
    from robopref.answers import Answers
    from robopref.data.episode_formats.conversion import open_dataset, write_dataset
    from robopref.data.episodes.store import EpisodeStore
    from robopref.data.episodes.transitions import Transitions
    from robopref.data.labels.feedback_store import FeedbackStore
    from robopref.errors import RoboprefError
    from robopref.labelers.oracle import ScriptedTeacher
    from robopref.learning.candidates import Candidates
    from robopref.learning.clone import clone_policy
    from robopref.learning.collect import collect_demonstrations
    from robopref.learning.fit import FitConfig
    from robopref.learning.iql import ImplicitQLearning
    from robopref.learning.offline import OfflineConfig, train_offline
    from robopref.learning.preference import train_reward
    from robopref.learning.relabel import relabel
    from robopref.policies.diffusion import DiffusionPolicy
    from robopref.policies.draws import CleanDraw
    from robopref.policies.observed import ObservedPolicy
    from robopref.policy_shapes import PolicySpec
    from robopref.querying.segment_queries import Segments
    from robopref.ranking.best_of_n import rank
    from robopref.records import Abstain, Feedback, Observation, Preference, Query, Ranking
    from robopref.rewards.implicit import ImplicitReward
    from robopref.rewards.segment import SegmentReward
    from robopref.robots.sim import SimPool, TaskSpec
    from robopref.robots.task_robot import TaskRobot
    from robopref.runtime.control_loop import Runtime
    from robopref.runtime.planner import Planner
    from robopref.safety.guard import Guard
    from robopref.safety.limits import Limits
    from robopref.scores import Scores
else:  # a type checker that saw this would believe that every name exists
    _MODULES = {
        "answers": "Answers",
        "data.episode_formats.conversion": "open_dataset write_dataset",
        "data.episodes.store": "EpisodeStore",
        "data.episodes.transitions": "Transitions",
        "data.labels.feedback_store": "FeedbackStore",
        "errors": "RoboprefError",
        "labelers.oracle": "ScriptedTeacher",
        "learning.candidates": "Candidates",
        "learning.clone": "clone_policy",
        "learning.collect": "collect_demonstrations",
        "learning.fit": "FitConfig",
        "learning.iql": "ImplicitQLearning",
        "learning.offline": "OfflineConfig train_offline",
        "learning.preference": "train_reward",
        "learning.relabel": "relabel",
        "policies.diffusion": "DiffusionPolicy",
        "policies.draws": "CleanDraw",
        "policies.observed": "ObservedPolicy",
        "querying.segment_queries": "Segments",
        "ranking.best_of_n": "rank",
        "policy_shapes": "PolicySpec",
        "records": "Abstain Feedback Observation Preference Query Ranking",
        "rewards.implicit": "ImplicitReward",
        "rewards.segment": "SegmentReward",
        "robots.sim": "SimPool TaskSpec",
        "robots.task_robot": "TaskRobot",
        "runtime.control_loop": "Runtime",
        "runtime.planner": "Planner",
        "safety.guard": "Guard",
        "safety.limits": "Limits",
        "scores": "Scores",
    }
    _MODULE_OF = {name: f"robopref.{module}" for module, names in _MODULES.items() for name in names.split()}

    def __getattr__(name: str) -> object:
        if name == "objectives":
            return import_module("robopref.objectives")
        if name not in _MODULE_OF:
            near = import_module("difflib").get_close_matches(name, __all__)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise AttributeError(f"module 'robopref' has no attribute {name!r}{hint}")
        found = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*(name for name in globals() if name.startswith("__")), *__all__})
