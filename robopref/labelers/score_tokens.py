"""A score as its expectation over what a model might have written, where its server tells."""

from __future__ import annotations

import math
import re
from collections import Counter

from robopref.labelers.judge import Reply

_ROUNDING = 1e-3
_ENOUGH = 0.5  # of the probability has to be on the scale


class UntoldError(ValueError):
    """A reply whose tokens do not tell what else a score might have been; the message is why."""


def expected_score(reply: Reply, name: str, least: int, most: int) -> float:
    """Mean of a score over the tokens that might have been written in its place.

    ``sum_v v p(v) / sum_v p(v)`` over the whole numbers v of the scale, where p adds up over the tokens that write v.

    Args:
        reply: A JSON object with a score, which was read before.
        name: Of the field of the score.
        least: End of the scale, of one digit.
        most: Other end, of one digit, so that each score is one token.

    Returns:
        The expectation, in [least, most].

    Raises:
        UntoldError: There are no log-probabilities, they cannot be read, they are not those of the reply, add up to
            more than 1, do not name the score that was written, or are mostly of something else than scores.
    """
    if not reply.tokens:
        what = "the server gives no log-probabilities" if reply.tokens is None else "log-probabilities in another form"
        raise UntoldError(what)
    fields = list(re.finditer(rf'"{re.escape(name)}"\s*:\s*(\d)(?!\d)', reply.text))
    if not fields:
        raise UntoldError(f"no {name!r} of one digit in the reply")
    field = fields[-1]
    numerals = _numerals_at(reply, field.start(), field.start(1))
    share: Counter[int] = Counter()
    for value, said in numerals:
        share[value] += math.exp(said)  # pyright: ignore[reportArgumentType]
    if sum(share.values()) > 1 + _ROUNDING:
        raise UntoldError(f"the probabilities of {name!r} add up to {sum(share.values()):.3g}")
    if int(field[1]) not in share:
        raise UntoldError(f"the log-probabilities of {name!r} are not of what was written")
    scale = {value: share[value] for value in range(least, most + 1) if value in share}
    total = sum(scale.values())
    if total < _ENOUGH:
        raise UntoldError(f"of the probability of {name!r} only {total:.2g} is on the scale from {least} to {most}")
    return sum(value * p for value, p in scale.items()) / total


def _numerals_at(reply: Reply, begin: int, place: int) -> tuple[tuple[int, float], ...]:
    """Alternatives to the token that stands at a place of the text; what follows `begin` has to be as in the tokens.

    What stands before may differ: letters of half a token, or what the model thought to itself.
    """
    tokens = reply.tokens or ()
    joined = "".join(token.text for token in tokens)
    start = joined.rfind(reply.text[begin:])
    if start < 0:
        raise UntoldError("the tokens are not those of the reply")
    left = start + place - begin
    for token in tokens:
        if left < len(token.text):
            return token.numerals
        left -= len(token.text)
    raise UntoldError("the tokens are not those of the reply")
