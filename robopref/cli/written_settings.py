"""Settings in a language of their own, features and checklists: read before anything is loaded or simulated."""

from __future__ import annotations

import importlib
from typing import Any

from omegaconf import DictConfig, OmegaConf

from robopref.checklists.checklist import load_checklist
from robopref.checklists.vocabulary import shipped_vocabulary
from robopref.cli.asked_features import asked_features
from robopref.cli.named_errors import named_after
from robopref.cli.recorded_names import anchor_names, recorded_names
from robopref.cli.usages import USAGES
from robopref.explanation.candidate_feature import candidate_feature
from robopref.explanation.grammar import directed, parse_feature, parse_named
from robopref.ranking.weights import checked_weights, require_named

_WEIGHTED, _LISTED = "robopref.ranking.weighted.Weighted", "robopref.explanation.proposals.GrammarProposer"
_OWN = ("action", "path")  # arrays that differ between candidates


def require_readable(config: DictConfig, command: str) -> None:
    """Require that what settings of a command say can be read, whatever the arrays are that it is about.

    Args:
        config: Settings of the command.
        command: The command.

    Raises:
        ConfigError: A feature is none, a weight is of no reward, or a checklist asks for what there is not.
        DataError: A checklist cannot be read.
    """
    used = USAGES[command].uses

    def of(setting: str) -> Any:
        """Its plain value, if the command goes by it."""
        if not any(f"{setting}.".startswith(f"{one}.") for one in used):
            return None
        value = OmegaConf.select(config, setting)
        return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value

    rule, proposer = of("ranker.rule"), of("proposer")
    # Critics, of which robopref offline has one, are not weighed.
    if isinstance(rule, dict) and rule.get("_target_") == _WEIGHTED and "learner" not in config:
        _require_weighed(config, rule.get("weights"), rule.get("features"))
    told, quantities = asked_features(of("label.features")) or {}, of("explain.quantities") or {}
    rubric = of("explain.rubric") or ()
    listed = isinstance(proposer, dict) and proposer.get("_target_") == _LISTED
    proposed = (proposer.get("features") or ()) if listed else ()
    arrays = recorded_names(config) if told or quantities or rubric or proposed else None
    for name, one in told.items():
        with named_after(f"label.features.{name}"):
            parse_feature(one["feature"], arrays)
    with named_after("explain.quantities"):
        given = {str(name): str(said) for name, said in quantities.items()}
        named = parse_named(given, None if arrays is None else arrays - given.keys())
    with named_after("explain.rubric"):
        for text in rubric:
            parse_feature(directed(str(text))[1], arrays, named)
    with named_after("proposer.features"):
        for text in proposed:
            parse_feature(str(text), arrays, named)
    if of("checklist") is not None:
        load_checklist(str(config.checklist), shipped_vocabulary())
        # What tries the task is imported for who has a checklist.
        importlib.import_module("robopref.cli.known_points").require_known_points(config)


def _require_weighed(config: DictConfig, weights: Any, features: Any) -> None:
    """Demand weights of rewards and features that there are, and features that tell candidates apart."""
    _, said = checked_weights(weights, features)
    require_named(weights, said, [str(name) for name in config.rewards])
    arrays = recorded_names(config) if said else None
    for name, text in said.items():
        with named_after(f"ranker.rule.features.{name}"):
            candidate_feature(text, arrays, _OWN if arrays is None else [*_OWN, *anchor_names(config)])
