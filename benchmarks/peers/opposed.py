"""Meta-World's scripted policies, turned round: demonstrators who do the opposite of what a task asks for.

``benchmarks.peers.opposed:<name>`` is a class for ``env.options.expert``, of the policy ``metaworld.policies:<name>``.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> type:
    import metaworld.policies  # in the environment that this benchmark runs in alone

    found = getattr(metaworld.policies, name)

    class Opposed:
        """Acts against a policy, its gripper too."""

        def __init__(self) -> None:
            self.policy = found()

        def get_action(self, observation: Any) -> Any:
            """Minus what the policy would do, as far as it can be carried out."""
            return -self.policy.get_action(observation).clip(-1, 1)

    return Opposed
