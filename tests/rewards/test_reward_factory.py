"""What makes a reward is asked whether it can, before anything is made."""

from functools import partial
from typing import Any

import pytest
from torch import nn

from robopref.errors import ConfigError
from robopref.items import Items
from robopref.rewards.reward_factory import new_reward, require_no_policy
from tests.geometry import chunks, ropes

ITEMS = Items.of_candidates(ropes(2), chunks(2, 3))


def of_items(items: Items, *, width: int, depth: int = 1) -> nn.Module:
    return nn.Linear(len(items), width * depth)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (partial(of_items, width=2, dept=3), "scorer is made of .*: got an unexpected keyword argument 'dept'"),
        (partial(of_items, depth=3), "scorer is made of .*: missing a required .*argument: 'width'"),
        (nn.Linear(1, 1), "scorer makes Linear before it is known what is scored; give scorer._partial_=true"),
        (3, "scorer makes int before"),
        (lambda items: 3, "rewards need a torch module, int is none"),
        (lambda policy: policy, "this reward scores the chunks of a policy"),
    ],
)
def test_what_makes_no_reward_of_items_is_one_line(factory: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        new_reward(factory, lambda: ITEMS)
    assert "\n" not in str(refused.value)


def test_what_takes_items_needs_no_policy() -> None:
    factory = partial(of_items, width=2)
    require_no_policy(factory)
    made = new_reward(factory, lambda: ITEMS)
    assert isinstance(made, nn.Linear)
    assert (made.in_features, made.out_features) == (2, 2)
