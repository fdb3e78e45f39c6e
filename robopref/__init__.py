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
    "Batches",
    "BestOfN",
    "Candidates",
    "CleanDraw",
    "Comparisons",
    "DiffusionPolicy",
    "EnsembleReward",
    "EpisodeStore",
    "ExplicitReward",
    "Feedback",
    "FeedbackStore",
    "FitConfig",
    "Guard",
    "GuidedPolicy",
    "ImplicitQLearning",
    "ImplicitReward",
    "Item",
    "Items",
    "Limits",
    "Observation",
    "OfflineConfig",
    "Planner",
    "Preference",
    "Query",
    "Ranking",
    "Rating",
    "RoboprefError",
    "Runtime",
    "Scores",
    "ScriptedTeacher",
    "SegmentReward",
    "Segments",
    "SimPool",
    "StratifiedDraw",
    "TaskRobot",
    "TaskSpec",
    "Transitions",
    "UniformDraw",
    "VlmLabeler",
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
    from robopref.items import Comparisons, Items
    from robopref.labelers.oracle import ScriptedTeacher
    from robopref.labelers.vlm import VlmLabeler
    from robopref.learning.candidates import Candidates
    from robopref.learning.clone import clone_policy
    from robopref.learning.collect import collect_demonstrations
    from robopref.learning.fit import FitConfig
    from robopref.learning.iql import ImplicitQLearning
    from robopref.learning.offline import OfflineConfig, train_offline
    from robopref.learning.preference import Batches, train_reward
    from robopref.learning.relabel import relabel
    from robopref.policies.diffusion import DiffusionPolicy
    from robopref.policies.draws import CleanDraw, StratifiedDraw, UniformDraw
    from robopref.policies.guidance import GuidedPolicy
    from robopref.querying.segment_queries import Segments
    from robopref.ranking.best_of_n import BestOfN, rank
    from robopref.records import Abstain, Feedback, Item, Observation, Preference, Query, Ranking, Rating
    from robopref.rewards.ensemble import EnsembleReward
    from robopref.rewards.explicit import ExplicitReward
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
        "data.labels.feedback_store": "FeedbackStore",
        "data.episodes.transitions": "Transitions",
        "errors": "RoboprefError",
        "items": "Comparisons Items",
        "labelers.oracle": "ScriptedTeacher",
        "labelers.vlm": "VlmLabeler",
        "learning.candidates": "Candidates",
        "learning.clone": "clone_policy",
        "learning.collect": "collect_demonstrations",
        "learning.fit": "FitConfig",
        "learning.iql": "ImplicitQLearning",
        "learning.offline": "OfflineConfig train_offline",
        "learning.preference": "Batches train_reward",
        "learning.relabel": "relabel",
        "policies.diffusion": "DiffusionPolicy",
        "policies.draws": "CleanDraw StratifiedDraw UniformDraw",
        "policies.guidance": "GuidedPolicy",
        "querying.segments": "Segments",
        "ranking.best_of_n": "BestOfN rank",
        "records": "Abstain Feedback Item Observation Preference Query Ranking Rating",
        "rewards.ensemble": "EnsembleReward",
        "rewards.explicit": "ExplicitReward",
        "rewards.implicit": "ImplicitReward",
        "rewards.segment": "SegmentReward",
        "robots.sim": "SimPool TaskSpec",
        "robots.task": "TaskRobot",
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
            raise AttributeError(f"module 'robopref' has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
