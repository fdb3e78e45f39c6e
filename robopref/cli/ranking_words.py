"""What says what ranks, `use=`, `deploy.reward=` and `ranker=`: of those that contradict, the newest holds."""

from __future__ import annotations

from collections.abc import Mapping

from robopref.errors import ConfigError

# How the names of settings begin that matter here.
SAYING = ("use", "deploy.reward", "ranker", "reward@")
_USE, _REWARD, _RANKER = "use", "deploy.reward", "ranker"
_SUM = "weighted"  # ranks by several rewards
_EARNED = "earned_search"  # ranks by no reward, but by what a world model says
_OF_SUM = ("ranker.rule.weights", "ranker.rule.features")
_RANKING = (_SUM, "look_ahead", "beam_search")  # that do nothing without a reward


def outranked(earlier: Mapping[str, object], newer: Mapping[str, object]) -> set[str]:
    """Settings that no longer hold, with what is below them, since newer ones say otherwise what ranks.

    Args:
        earlier: What a run folder remembers, by name.
        newer: What was given since.
    """
    dropped, sums = set[str](), _sum_in(newer) is not None
    if sums or (_USE in newer and _REWARD not in newer):
        dropped.add(_REWARD)
    if newer.get(_RANKER) in _RANKING and earlier.get(_REWARD, "") is None:
        dropped.add(_REWARD)
    by_none = newer.get(_REWARD, "") is None
    by_one, before = _USE in newer or _REWARD in newer, earlier.get(_RANKER)
    otherwise = (by_one and before in (_SUM, _EARNED)) or (by_none and before in _RANKING)
    if _RANKER not in newer and not sums and otherwise:
        dropped.add(_RANKER)
    return dropped & earlier.keys()


def require_one(given: Mapping[str, object]) -> None:
    """Require settings of one command that do not contradict each other in what ranks.

    Args:
        given: As they were typed, by name.

    Raises:
        ConfigError: They do.
    """
    said = {key: given[key] for key in (_REWARD, _USE) if key in given}
    if f"reward@rewards.{said.get(_USE)}" in given:
        del said[_USE]  # a reward is added, by which others need not go
    if given.get(_RANKER) == _EARNED and (by := next((key for key, value in said.items() if value is not None), None)):
        raise ConfigError(
            f"{_RANKER}={_EARNED} ranks by what a world model says that chunks earn, and {_shown(by, said[by])} by a "
            "reward; leave one of them out"
        )
    if (ranker := given.get(_RANKER)) in _RANKING[1:] and _REWARD in said and said[_REWARD] is None:
        raise ConfigError(
            f"{_RANKER}={ranker} ranks by a reward, and {_shown(_REWARD, None)} ranks by none; leave one of them out"
        )
    by_several = _sum_in(given)
    for key, value in said.items():
        if by_several is not None:
            raise ConfigError(
                f"{by_several} ranks by several rewards, and {_shown(key, value)} ranks by "
                f"{'none' if value is None else 'one'}; leave one of them out"
            )
    if len(said) == 2 and said[_REWARD] not in (said[_USE], "${use}"):
        both = " and ".join(_shown(key, said[key]) for key in (_USE, _REWARD))
        raise ConfigError(f"{both} say two things of what ranks; leave one of them out")


def _sum_in(given: Mapping[str, object]) -> str | None:
    """What makes a weighted sum rank."""
    if _RANKER in given:
        return f"{_RANKER}={_SUM}" if given[_RANKER] == _SUM else None
    return next((key for key in given if key.startswith(_OF_SUM)), None)


def _shown(key: str, value: object) -> str:
    return f"{key}={'null' if value is None else value}"
