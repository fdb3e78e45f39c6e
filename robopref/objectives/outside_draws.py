"""Where the mean over noise draws is taken: inside the objective, or outside of it."""

from __future__ import annotations

from collections.abc import Callable

import torch

from robopref.scores import Loss, PairTarget, Scores


class OutsideDraws:
    """Applies an objective to every noise draw on its own and averages the losses.

    A score is the mean of its draws, so an objective takes the mean inside: one evaluation of a nonlinear function of
    a less noisy estimate. Diffusion-DPO's released code takes it outside, an upper bound of the former by Jensen's
    inequality. The two agree for exact scores.

    Args:
        objective: Of pairs or orderings.
    """

    def __init__(self, objective: Callable[[Scores, PairTarget], Loss]) -> None:
        self.objective = objective

    def __call__(self, scores: Scores, target: PairTarget) -> Loss:
        """The mean over draws of the objective.

        Args:
            scores: (B, K) values and their (B, K, M) draws; exact scores go straight through.
            target: Preferences between them.

        Returns:
            The mean loss and terms.
        """
        if scores.draws is None:
            return self.objective(scores, target)
        losses = [self.objective(Scores(value, state=scores.state), target) for value in scores.draws.unbind(dim=-1)]
        terms = {name: torch.stack([loss.terms[name] for loss in losses]).mean() for name in losses[0].terms}
        return Loss(torch.stack([loss.total for loss in losses]).mean(), terms)
