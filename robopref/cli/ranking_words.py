"""Words that say what ranks, `use=`, `deploy.reward=` and `ranker=`: of those that contradict, the newest holds."""

from __future__ import annotations

from collections.abc import Sequence

from robopref.cli.words import key_of, parsed, shown
from robopref.errors import ConfigError

_USE, _REWARD, _RANKER = "use", "deploy.reward", "ranker"
_SUM = "weighted"  # ranks by several rewards
_OF_SUM = ("ranker.rule.weights", "ranker.rule.features")
_RANKING = (_SUM, "look_ahead", "beam_search")  # that do nothing without a reward


def outranked(earlier: Sequence[str], words: Sequence[str]) -> list[str]:
    """Earlier words that no longer hold, since newer ones say otherwise what ranks.

    Args:
        earlier: What a run folder remembers.
        words: Newer ones.
    """
    use, reward, ranker = (_last(words, key) for key in (_USE, _REWARD, _RANKER))
    before = _value(_last(earlier, _RANKER))
    sums = _sum_in(words) is not None
    dropped: set[str] = set()
    if sums or (use is not None and reward is None):
        dropped.add(_REWARD)
    if _value(ranker) in _RANKING and _value(_last(earlier, _REWARD)) is None:
        dropped.add(_REWARD)
    by_none = reward is not None and _value(reward) is None
    by_one = use is not None or reward is not None
    if ranker is None and not sums and ((by_one and before == _SUM) or (by_none and before in _RANKING)):
        dropped.add(_RANKER)
    return [word for word in earlier if key_of(word) in dropped or key_of(word).split(".")[0] in dropped]


def require_one(words: Sequence[str]) -> None:
    """Require words of one command that do not contradict each other in what ranks.

    Args:
        words: As they were typed, as Hydra reads them.

    Raises:
        ConfigError: They do.
    """
    use, reward, by_several = _last(words, _USE), _last(words, _REWARD), _sum_in(words)
    if use is not None and any(key_of(word) == f"reward@rewards.{_value(use)}" for word in words):
        use = None  # a reward is added, by which others need not go
    for other in (reward, use):
        if by_several is not None and other is not None:
            by = "none" if _value(other) is None else "one"
            raise ConfigError(
                f"{shown(by_several)} ranks by several rewards, and {shown(other)} ranks by {by}; leave one of them out"
            )
    if use is not None and reward is not None and _value(reward) not in (_value(use), "${use}"):
        raise ConfigError(f"{shown(use)} and {shown(reward)} say two things of what ranks; leave one of them out")


def _sum_in(words: Sequence[str]) -> str | None:
    """The word that makes a weighted sum rank."""
    ranker = _last(words, _RANKER)
    if ranker is not None:
        return ranker if _value(ranker) == _SUM else None
    return next((word for word in words if key_of(word).startswith(_OF_SUM)), None)


def _last(words: Sequence[str], key: str) -> str | None:
    return next((word for word in reversed(words) if key_of(word) == key), None)


def _value(word: str | None) -> object:
    value = None if word is None else parsed(word).value()
    return None if value == "" else value
