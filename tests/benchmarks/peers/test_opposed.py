"""Demonstrators who do the opposite."""

import sys
from types import ModuleType

import numpy as np

from envs.foreign_expert import load_expert


def test_an_opposed_policy_does_the_opposite_of_what_can_be_carried_out(monkeypatch):
    class Policy:
        def get_action(self, observation):
            return np.array([3.0, -0.5]) + observation

    package, policies = ModuleType("metaworld"), ModuleType("metaworld.policies")
    policies.Policy, package.policies = Policy, policies
    monkeypatch.setitem(sys.modules, "metaworld", package)
    monkeypatch.setitem(sys.modules, "metaworld.policies", policies)
    act = load_expert("benchmarks.peers.opposed:Policy")
    np.testing.assert_array_equal(act(np.zeros(2)), [-1.0, 0.5])
