"""Scores that need no further training: which there are of a policy."""

from robopref.evaluation.ladder import LABEL_FREE
from robopref.nets.denoiser import NoiseDenoiser
from robopref.rewards.derived import label_free, with_derived
from tests.geometry import tiny_policy


def test_a_policy_with_an_energy_has_every_score_without_labels() -> None:
    policy = tiny_policy()
    assert {*with_derived({}, policy), *label_free(policy)} == set(LABEL_FREE)


def test_without_an_energy_candidates_still_agree() -> None:
    policy = tiny_policy(NoiseDenoiser)
    assert {*with_derived({}, policy), *label_free(policy)} == {"candidate agreement"}
