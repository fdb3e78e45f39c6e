"""Settings in a language of their own, features and checklists: read before anything is loaded or simulated."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf

from robopref.checklists.checklist import load_checklist
from robopref.checklists.vocabulary import shipped_vocabulary
from robopref.cli.asked_features import asked_features
from robopref.cli.named_errors import named_after
from robopref.cli.usages import USAGES
from robopref.explanation.candidate_feature import candidate_feature
from robopref.explanation.grammar import directed, parse_feature, parse_named

_WEIGHTED, _LISTED = "robopref.ranking.weighted.Weighted", "robopref.explanation.proposals.GrammarProposer"
_OWN = ("action", "path")  # arrays that differ between candidates


def require_readable(config: DictConfig, command: str) -> None:
    """Require that what settings of a command say can be read, whatever the arrays are that it is about.

    Args:
        config: Settings of the command.
        command: The command.

    Raises:
        ConfigError: A feature is none, or a checklist asks for what there is not.
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
    if isinstance(rule, dict) and rule.get("_target_") == _WEIGHTED:
        for name, said in (rule.get("features") or {}).items():
            with named_after(f"ranker.rule.features.{name}"):
                candidate_feature(str(said), None, _OWN)
    for name, told in (asked_features(of("label.features")) or {}).items():
        with named_after(f"label.features.{name}"):
            parse_feature(told["feature"], None)
    with named_after("explain.quantities"):
        named = parse_named({str(name): str(said) for name, said in (of("explain.quantities") or {}).items()}, None)
    with named_after("explain.rubric"):
        for text in of("explain.rubric") or ():
            parse_feature(directed(str(text))[1], None, named)
    if isinstance(proposer, dict) and proposer.get("_target_") == _LISTED:
        with named_after("proposer.features"):
            for text in proposer.get("features") or ():
                parse_feature(str(text), None, named)
    if (checklist := of("checklist")) is not None:
        load_checklist(str(checklist), shipped_vocabulary())
