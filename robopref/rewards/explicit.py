"""An explicit reward: a network that scores an action chunk in a state."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from robopref.errors import ConfigError, PolicyError
from robopref.nets.action_scale import SameScale
from robopref.nets.cloud_dynamics import CloudDynamics
from robopref.nets.denoiser import ActionTrunk
from robopref.nets.feature_trunk import FeatureTrunk
from robopref.nets.parts_encoder import PartsEncoder
from robopref.nets.points import StateEncoder
from robopref.policies.abilities import observed_by
from robopref.policies.chunk_diffusion import Scale
from robopref.protocols import ChunkPolicy
from robopref.records import ActionGeometry, Observation
from robopref.scores import NoiseDraw, Scores


class ExplicitReward(nn.Module):
    """Scores candidates directly, r(s, a) (Christiano et al. 2017).

    Args:
        encoder: From observations to what the trunk sees of them.
        trunk: From that and (B, N, H, A) chunks to (B, N, outputs), of which the first is the score.
        horizon: Chunk horizon H.
        scale: Between recorded actions and those that the trunk sees; None where they are the same.
        observes: Parts of an observation that the encoder looks at.
    """

    def __init__(
        self,
        encoder: nn.Module,
        trunk: nn.Module,
        *,
        horizon: int,
        scale: Scale | None = None,
        observes: Sequence[str] = ("points", "proprio"),
    ) -> None:
        super().__init__()
        self.horizon, self.observes = horizon, tuple(observes)
        self.encoder, self.trunk, self.scale = encoder, trunk, scale or SameScale()

    @classmethod
    def of_geometry(
        cls,
        geometry: ActionGeometry,
        proprio: int,
        *,
        horizon: int = 1,
        width: int = 64,
        points: int = 96,
        nodes: int = 96,
        hidden: int = 128,
        depth: int = 0,
        outputs: int = 1,
    ) -> ExplicitReward:
        """A reward of actions that name points in space, which it looks at the cloud from.

        Args:
            geometry: How actions name anchor points.
            proprio: Proprioception size D.
            horizon: Chunk horizon H.
            width: Token size C.
            points: Points that the encoder looks at.
            nodes: Points that actions are related to.
            hidden: Width of the residual blocks.
            depth: Number of residual blocks.
            outputs: Numbers of a chunk; see `values`.
        """
        encoder = StateEncoder(geometry, proprio, width=width, points=points, nodes=nodes)
        trunk = partial(ActionTrunk, geometry, horizon=horizon, proprio=proprio, width=width, outputs=outputs)
        return cls(encoder, trunk(hidden=hidden, depth=depth), horizon=horizon)

    @classmethod
    def for_policy(
        cls,
        policy: ChunkPolicy,
        *,
        width: int = 64,
        points: int = 96,
        nodes: int = 96,
        hidden: int = 128,
        depth: int = 0,
        outputs: int = 1,
    ) -> ExplicitReward:
        """A reward for the chunks of a policy, with the policy's normalisation.

        Of a policy that sees any parts it takes over the encoder, which has learnt from all that was recorded, and
        trains it on.

        Args:
            policy: Whose chunks are to be scored.
            width: Token size C, where actions name points.
            points: Points that the encoder looks at, where actions name points.
            nodes: Points that actions are related to.
            hidden: Width of the residual blocks.
            depth: Number of residual blocks.
            outputs: Numbers of a chunk; see `values`.

        Returns:
            An untrained reward on the policy's device.

        Raises:
            PolicyError: The policy neither says what its actions mean in space nor lends an encoder.
        """
        mean, std = policy.proprio_mean, policy.proprio_std
        lent = getattr(policy, "encoder", None)
        if isinstance(lent, PartsEncoder):
            trunk = FeatureTrunk(policy.shape, lent.size, outputs=outputs, hidden=hidden, depth=depth)
            encoder, scale = copy.deepcopy(lent).requires_grad_(), copy.deepcopy(getattr(policy, "scale", None))
            observes = observed_by(policy)
            return cls(encoder, trunk, horizon=policy.shape[0], scale=scale, observes=observes).to(mean.device)
        if policy.geometry is None:
            raise PolicyError(
                "an explicit reward needs a policy that knows what actions mean in space, and this one does not; "
                "choose policy=observed, or say it with geometry="
            )
        reward = cls.of_geometry(
            policy.geometry, len(mean), horizon=policy.shape[0], width=width, points=points, nodes=nodes, hidden=hidden,
            depth=depth, outputs=outputs,
        )  # fmt: skip
        reward.encoder.get_buffer("proprio_mean").copy_(mean)
        reward.encoder.get_buffer("proprio_std").copy_(std)
        return reward.to(mean.device)

    def begin_with(self, network: CloudDynamics) -> None:
        """Take over how a dynamics of clouds sees a state, and nodes from an action, before training.

        Args:
            network: Trained on what became of actions.

        Raises:
            ConfigError: The reward looks at no cloud from its actions, or is of another width.
        """
        if not (isinstance(self.encoder, StateEncoder) and isinstance(self.trunk, ActionTrunk)):
            raise ConfigError("only a reward whose actions name points in a cloud can begin with a learnt dynamics")
        mine, its = (one.width for one in (self.encoder, network.encoder))
        if mine != its:
            raise ConfigError(
                f"a reward of width {mine} cannot begin with a learnt dynamics of width {its}; give both the same"
            )
        self.encoder.load_state_dict(network.encoder.state_dict())
        self.trunk.frame.load_state_dict(network.frame.state_dict())

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score candidates; the state is encoded once.

        Args:
            observation: What it observes, (B, ...) of each part.
            actions: (B, N, H, A).
            draw: Not needed.

        Returns:
            (B, N) values, exact.
        """
        del draw
        return Scores(self.values(observation, actions)[..., 0])

    def values(self, observation: Observation, actions: Tensor) -> Tensor:
        """All that the trunk says of candidates, (B, N, outputs); otherwise as `score`."""
        return self.trunk(self.encoder(observation), self.scale.inside(actions))
