"""An explicit reward: a network that scores an action chunk in a state."""

from __future__ import annotations

from torch import Tensor, nn

from robopref.nets.denoiser import ActionTrunk
from robopref.nets.points import StateEncoder
from robopref.protocols import ChunkPolicy
from robopref.records import ActionGeometry, Observation
from robopref.scores import NoiseDraw, Scores


class ExplicitReward(nn.Module):
    """Scores candidates directly, r(s, a) (Christiano et al. 2017).

    Args:
        geometry: How actions name anchor points.
        proprio: Proprioception size D.
        horizon: Chunk horizon H.
        width: Token size C.
        points: Points that the encoder looks at.
        nodes: Points that actions are related to.
        hidden: Width of the residual blocks.
        depth: Number of residual blocks.
    """

    def __init__(
        self,
        geometry: ActionGeometry,
        proprio: int,
        *,
        horizon: int = 1,
        width: int = 64,
        points: int = 96,
        nodes: int = 96,
        hidden: int = 128,
        depth: int = 0,
    ) -> None:
        super().__init__()
        self.horizon = horizon
        self.encoder = StateEncoder(geometry, proprio, width=width, points=points, nodes=nodes)
        self.trunk = ActionTrunk(
            geometry, horizon=horizon, proprio=proprio, width=width, outputs=1, hidden=hidden, depth=depth
        )

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
    ) -> ExplicitReward:
        """A reward for the chunks of a policy, with the policy's normalisation.

        Args:
            policy: Whose chunks are to be scored.
            width: Token size C.
            points: Points that the encoder looks at.
            nodes: Points that actions are related to.
            hidden: Width of the residual blocks.
            depth: Number of residual blocks.

        Returns:
            An untrained reward on the policy's device.
        """
        mean, std = policy.proprio_mean, policy.proprio_std
        reward = cls(
            policy.geometry, len(mean), horizon=policy.shape[0], width=width, points=points, nodes=nodes, hidden=hidden,
            depth=depth,
        )  # fmt: skip
        reward.encoder.proprio_mean.copy_(mean)
        reward.encoder.proprio_std.copy_(std)
        return reward.to(mean.device)

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score candidates; the state is encoded once.

        Args:
            observation: points (B, P, 3), proprio (B, D).
            actions: (B, N, H, A).
            draw: Not needed.

        Returns:
            (B, N) values, exact.
        """
        del draw
        return Scores(self.trunk(self.encoder(observation), actions)[..., 0])
