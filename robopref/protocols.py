"""What the parts of robopref expect of each other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robopref.answers import Answers
from robopref.records import ActionGeometry, Feedback, Item, Observation, Query, QueryKind

if TYPE_CHECKING:  # so that what asks, records and moves starts without it
    import torch
    from torch import Tensor

    from robopref.items import Items
    from robopref.scores import Loss, NoiseDraw, Scores

# Told of what is done, and of how many.
Progress = Callable[[int, int], None]


def lacking(part: object, protocol: type) -> list[str]:
    """Names that a protocol asks for and a part does not have.

    `isinstance` would not do: it overlooks buffers and modules of torch from Python 3.12 on.
    """
    bases = [base for base in reversed(protocol.__mro__) if issubclass(base, Protocol) and base is not Protocol]
    names = [name for base in bases for name in vars(base) if not name.startswith("_")]
    return [name for name in dict.fromkeys(names) if not hasattr(part, name)]


@runtime_checkable
class Policy(Protocol):
    """Samples candidate action chunks."""

    def sample(self, observation: Observation, n: int, *, generator: torch.Generator) -> Tensor:
        """Sample (B, N, H, A) chunks for observations with leading dimension B."""
        ...


@runtime_checkable
class ChunkPolicy(Policy, Protocol):
    """A policy that commands can use: a torch module that says what its chunks and the proprioception are.

    One that looks at other parts of an observation than points and proprioception names them in an attribute
    ``observes``; one that sees the last T observations, parts (B, T, ...), says so in ``history``.
    """

    @property
    def geometry(self) -> ActionGeometry | None:
        """How its actions name anchor points, whose symmetries its rewards share; None if they name none."""
        ...

    @property
    def shape(self) -> tuple[int, int]:
        """Of a chunk, (H, A)."""
        ...

    @property
    def proprio_mean(self) -> Tensor:
        """Mean (D,) of the proprioception it was trained on, which rewards of its chunks take over, or zeros."""
        ...

    @property
    def proprio_std(self) -> Tensor:
        """Standard deviation (D,) of the same, positive, or ones."""
        ...


@runtime_checkable
class TrainablePolicy(ChunkPolicy, Protocol):
    """A policy that is trained by `robopref train policy`; one without these is used as it was built."""

    @property
    def geometry(self) -> ActionGeometry:
        """How its actions name anchor points."""
        ...

    def normalize(self, proprio: Tensor) -> None:
        """Take what it needs of all demonstrated proprioception (S, D), before the first step."""
        ...

    def loss(self, observation: Observation, chunks: Tensor, generator: torch.Generator) -> Loss:
        """What is minimised for demonstrated (B, H, A) chunks; all randomness comes from the generator."""
        ...


@runtime_checkable
class RecordedPolicy(ChunkPolicy, Protocol):
    """A policy that is trained by `robopref train policy`, and takes statistics of all that it sees and does."""

    def standardise(self, samples: Mapping[str, Tensor]) -> None:
        """Take what it needs of recorded parts and of ``action`` (S, ...), before the first step.

        All rows of vectors and actions are given; of clouds and pictures, which are large, a sample of at most 512.
        """
        ...

    def loss(self, observation: Observation, chunks: Tensor, generator: torch.Generator) -> Loss:
        """What is minimised for demonstrated (B, H, A) chunks; all randomness comes from the generator.

        What is seen is varied in here, while the module is in training mode.
        """
        ...


@runtime_checkable
class DenoisingPolicy(ChunkPolicy, Protocol):
    """A diffusion policy, whose densities and denoising errors implicit rewards are made of."""

    @property
    def has_energy(self) -> bool:
        """Whether `energy` can be asked for."""
        ...

    @property
    def alphas(self) -> Tensor:
        """Cumulative product (T,) of the noise schedule."""
        ...

    @property
    def encoder(self) -> Any:
        """From observations to what the denoiser sees of them, which says in ``batch`` of how many states it is."""
        ...

    @property
    def scale(self) -> Any:
        """Between recorded actions and those that are noised, see `robopref.nets.action_scale`."""
        ...

    @property
    def denoiser(self) -> Any:
        """Predicts the noise in noisy chunks."""
        ...

    def denoise(
        self, predict: Callable[[Tensor, Tensor], Tensor], batch: int, n: int, *, generator: torch.Generator
    ) -> Tensor:
        """Sample (B, N, H, A) chunks by any prediction of the noise."""
        ...

    def energy(self, state: Any, actions: Tensor, draw: NoiseDraw) -> Tensor:
        """Negative log-density (B, K, M) of (B, K, H, A) chunks at M noise levels, up to a constant of the state."""
        ...

    def denoising_error(self, state: Any, actions: Tensor, draw: NoiseDraw) -> Tensor:
        """Squared error (B, K, M) of the predicted noise."""
        ...


@runtime_checkable
class Reward(Protocol):
    """Scores items of any number of decisions: what training, ranking and relabelling share.

    Larger is better, and only differences within a question mean anything. Of the ``steps`` of its scores relabelling
    makes the rewards of single decisions.
    """

    @property
    def keys(self) -> tuple[str, ...]:
        """Arrays of a decision that it looks at."""
        ...

    def score(self, items: Items, *, draw: NoiseDraw | None = None) -> Scores:
        """Score the K items of each of B questions; `draw` is for diffusion scores, others ignore it."""
        ...


@runtime_checkable
class CandidateScorer(Protocol):
    """The short form of a `Reward` whose decisions stand for themselves: it scores candidates of a state.

    Larger is better, and only differences within a state mean anything. If it looks at other parts of an observation
    than points and proprioception, it names them in an attribute ``observes``.
    """

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score (B, N, H, A) chunks; `draw` is for diffusion scores, others ignore it."""
        ...


@runtime_checkable
class JointReward(Protocol):
    """A `Reward` of several members that train at once, each on batches of its own."""

    @property
    def count(self) -> int:
        """Members E."""
        ...

    def score_each(self, items: Items, *, draw: NoiseDraw | None = None) -> Tensor:
        """What each member says, (E, B, K); arrays of the items lead with E where each member has its own."""
        ...


@runtime_checkable
class ComposedReward(Protocol):
    """A reward that is made of others, such as the mean of several."""

    @property
    def parts(self) -> Sequence[Any]:
        """The rewards that it is made of."""
        ...


@runtime_checkable
class DrawnReward(Protocol):
    """A reward of how well a policy denoises candidates, at noise that is drawn."""

    @property
    def policy(self) -> DenoisingPolicy:
        """Whose noise it is."""
        ...

    @property
    def draws(self) -> Callable[[int, tuple[int, int], torch.Generator], NoiseDraw]:
        """Draws it, for a batch size and the shape of a chunk; may be exchanged."""
        ...


@runtime_checkable
class Standardised(Protocol):
    """A reward that takes mean and spread of what it looks at from the items that it is trained on."""

    def standardise(self, items: Items) -> None:
        """Take them."""
        ...


@runtime_checkable
class StepReward(Protocol):
    """Rewards steps, for relabelling a dataset; `robopref.rewards.steps` makes one of any `Reward`.

    One that depends on other steps says in ``history`` on how many before a step, and in ``ahead`` on how many after
    it; it is then also given, for each row, how many of the rows just before it belong to its episode.
    """

    @property
    def keys(self) -> tuple[str, ...]:
        """Arrays of a step that it looks at."""
        ...

    def reward(self, steps: Mapping[str, Any]) -> Tensor:
        """Rewards (R,) of R steps, from (R, ...) of each array."""
        ...


@runtime_checkable
class Labeler(Protocol):
    """Answers questions.

    `robopref.labelers.adapter.AdaptedLabeler` makes one of any object that has ``label`` alone.
    """

    @property
    def name(self) -> str:
        """Recorded with its answers."""
        ...

    @property
    def version(self) -> str:
        """Tells its answers from those under the same name with other settings; empty if nothing does."""
        ...

    @property
    def kinds(self) -> Collection[QueryKind]:
        """Of questions that it answers."""
        ...

    def label(self, query: Query) -> Feedback:
        """Answer one query; the answer may be an abstention.

        Raises:
            ConfigError: The query is of another kind.
        """
        ...


@runtime_checkable
class Pictures(Protocol):
    """Shows items to those who judge by looking. Several threads may ask at the same time."""

    def frames(self, item: Item) -> NDArray[np.uint8]:
        """Pictures (F, h, w, 3) of an item in time order, F >= 1.

        Raises:
            DataError: There is nothing to see of it.
        """
        ...


@runtime_checkable
class Selector(Protocol):
    """Chooses which questions to ask."""

    def select(self, pool: Sequence[Query], budget: int) -> Sequence[Query]:
        """Choose at most `budget` queries of the pool."""
        ...


@runtime_checkable
class Filter(Protocol):
    """Says which answers count, and how much, before targets are made of them."""

    def keep(self, answers: Answers) -> Answers:
        """The answers that count: some of the rows, perhaps with other weights."""
        ...


@runtime_checkable
class LiveFilter(Protocol):
    """Says while a reward is trained how much each pair counts for each of its members, by what the members think."""

    def weigh(self, margins: Tensor, p: Tensor, done: float) -> Tensor:
        """Weights of B pairs for E members, which multiply those that the answers have.

        A filter may say with ``least_members`` how many members it compares at least.

        Args:
            margins: (B, E) how much better each member finds the first item than the second; no gradient passes.
            p: (B,) probability that the first item is the better one, as answered.
            done: Share of the training that is done, in [0, 1); 1 after it.

        Returns:
            (B, E), not negative.
        """
        ...


@runtime_checkable
class SmoothingFilter(Protocol):
    """A `LiveFilter` that also says what each answer counts as for each member, such as less sure than it was given."""

    def smooth(self, margins: Tensor, p: Tensor, done: float) -> Tensor:
        """What B answers count as for E members; the arguments are those of `LiveFilter.weigh`.

        Returns:
            (B, E) probability that the first item is the better one, in [0, 1].
        """
        ...


@runtime_checkable
class EstimatedFilter(Protocol):
    """A `LiveFilter` with a setting that is estimated from what rewards say of answers that they did not learn from."""

    @property
    def estimated(self) -> bool:
        """Whether the setting is to be estimated, rather than given."""
        ...

    def settled(self, margins: Tensor, p: Tensor) -> tuple[LiveFilter, str]:
        """The filter with the setting that fits.

        Args:
            margins: (R,) how much better a reward finds the first item than the second, which did not learn from the
                answer.
            p: (R,) probability that the first item is the better one, as answered.

        Returns:
            The filter, and what was estimated, in a line for a person.

        Raises:
            DataError: It cannot be told.
        """
        ...


@runtime_checkable
class Objective(Protocol):
    """A pure function of scores and what is known of the items.

    The target is a `PairTarget` or an `SuccessTarget`; annotate which, so that the wrong one is refused.
    """

    def __call__(self, scores: Scores, target: Any) -> Loss:
        """The loss to be minimised."""
        ...
