"""Pure functions of scores and targets; they never see a model, an environment or a config."""

from robopref.objectives.classification import group_cross_entropy, kahneman_tversky, success_cross_entropy
from robopref.objectives.imitation import imitate
from robopref.objectives.listwise import plackett_luce
from robopref.objectives.margins import MultiObjective
from robopref.objectives.outside_draws import OutsideDraws
from robopref.objectives.pairwise import bradley_terry, conservative, contrastive, hinge, robust
from robopref.objectives.proximal import ProximalAnchor
from robopref.objectives.regression import identity_preference, vote_regression
from robopref.objectives.regularize import ValueTerm
from robopref.objectives.relative import relative_preference, relative_utility
from robopref.objectives.ties import davidson

__all__ = [
    "MultiObjective",
    "OutsideDraws",
    "ProximalAnchor",
    "ValueTerm",
    "bradley_terry",
    "conservative",
    "contrastive",
    "davidson",
    "group_cross_entropy",
    "hinge",
    "identity_preference",
    "imitate",
    "kahneman_tversky",
    "plackett_luce",
    "relative_preference",
    "relative_utility",
    "robust",
    "success_cross_entropy",
    "vote_regression",
]
