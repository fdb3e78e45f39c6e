"""Items of one picture each and scripted judges, for the tests of vision-language labelers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from robopref.labelers.judge import Part, Picture, Prices, Reply, Schema, Usage
from robopref.records import Item, Query


class GreyPictures:
    """Item k is a picture of the k-th brightness."""

    def __init__(self, brightness: Sequence[int], size: int = 16) -> None:
        self.brightness, self.size = brightness, size

    def frames(self, item: Item) -> Picture:
        return np.full((1, self.size, self.size, 3), self.brightness[item.start], np.uint8)


class ScriptedJudge:
    """Replies what a function says of the parts; remembers what it was asked."""

    def __init__(
        self, reply: Callable[[list[Part]], Any], name: str = "scripted", prices: Prices | None = None
    ) -> None:
        self.reply, self.name, self.prices = reply, name, prices
        self.asked: list[tuple[list[Part], Schema | None, int]] = []

    def ask(self, parts: Sequence[Part], schema: Schema | None = None, *, sample: int = 0) -> Reply:
        self.asked.append((list(parts), schema, sample))
        reply = self.reply(list(parts))
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, Reply) else Reply(reply, Usage(100, 10))


def texts(parts: Sequence[Part]) -> str:
    return "\n".join(part for part in parts if isinstance(part, str))


def pictures(parts: Sequence[Part]) -> list[int]:
    """Brightness of the pictures, in the order shown."""
    return [int(part.mean()) for part in parts if not isinstance(part, str)]


def pair(first: int, second: int, instruction: str = "Be bright.") -> Query:
    items = (Item("grey", first, first + 1), Item("grey", second, second + 1))
    return Query(f"{first}-{second}", "pair", items, instruction)


def rating(item: int) -> Query:
    return Query(f"rate-{item}", "rating", (Item("grey", item, item + 1),), "Be bright.")


def grey_pairs(count: int, seed: int = 0) -> tuple[GreyPictures, list[Query]]:
    """So many pairs of different brightness, no two alike."""
    rng = np.random.default_rng(seed)
    every = [(int(a), int(b)) for a in range(250) for b in range(250) if a != b]
    chosen = [every[k] for k in rng.choice(len(every), count, replace=False)]
    unique = list({tuple(sorted(one)): one for one in chosen}.values())
    return GreyPictures(range(250)), [pair(*one) for one in unique]
