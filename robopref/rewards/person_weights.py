"""How much each of several persons wants of each of K prototypes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError, unknown_name
from robopref.items import context_code

# Adam moves every parameter by about the learning rate. A batch sees few of the persons, so theirs move further; PAL's
# released settings give them 50 times the rate of what embeds.
_RATE = 10.0
_LONGEST = 200  # letters of a name


class PersonWeights(nn.Module):
    """Weights (N, K) of N persons, each on the simplex: a softmax of free numbers (PAL, Chen et al. 2024).

    Names are kept with the weights, as bytes.

    Args:
        prototypes: Their number K.
        names: Of the persons.

    Raises:
        ConfigError: There is no prototype, or a name is empty, too long or given twice.
    """

    letters: Tensor

    def __init__(self, prototypes: int, names: Iterable[str] = ()) -> None:
        super().__init__()
        if prototypes < 1:
            raise ConfigError(f"prototypes must be 1 or more, got {prototypes}")
        self.names: tuple[str, ...] = ()
        self.free = nn.Parameter(torch.zeros(0, prototypes))
        self.register_buffer("letters", torch.zeros(0, dtype=torch.uint8))
        self.meet(names)

    @property
    def prototypes(self) -> int:
        """Their number K."""
        return self.free.shape[1]

    def meet(self, names: Iterable[str]) -> None:
        """Take in persons of whom nothing is known yet; those who are known stay as they are.

        Args:
            names: Theirs.

        Raises:
            ConfigError: One is empty or too long.
        """
        new = [name for name in dict.fromkeys(names) if name not in self.names]
        drawn = torch.randn(len(new), self.prototypes).to(self.free)
        self._take((*self.names, *new), torch.cat([self.free.detach(), drawn / _RATE]))

    def forget(self, prototypes: int) -> None:
        """Begin again with another number of prototypes, and nothing known of anybody."""
        names, self.names = self.names, ()
        self.free = nn.Parameter(self.free.new_zeros(0, prototypes))
        self.meet(names)

    def put(self, name: str, weights: Tensor) -> None:
        """Say what somebody wants, who may be new.

        Args:
            name: Of the person.
            weights: (K,) positive, summing to 1.
        """
        self.meet([name])
        free = self.free.detach().clone()
        free[self.names.index(name)] = weights.log() / _RATE
        self._take(self.names, free)

    def every(self) -> Tensor:
        """Weights of all persons, (N, K)."""
        return (_RATE * self.free).softmax(1)

    def mean(self) -> Tensor:
        """Mean (K,) of all persons; of nobody, all prototypes alike."""
        if not self.names:
            return self.free.new_full((self.prototypes,), 1 / self.prototypes)
        return self.every().mean(0)

    def of(self, shares: Mapping[str, float]) -> Tensor:
        """Weights (K,) of a person, or of a mixture of persons.

        Args:
            shares: By name; they are brought to a sum of 1.

        Raises:
            ConfigError: Somebody is not known, or shares are not positive.
        """
        for name, share in shares.items():
            if name not in self.names:
                raise unknown_name("person", name, self.names)
            if not 0 < share < float("inf"):
                raise ConfigError(f"the share of person {name!r} must be a positive number, got {share}")
        if not shares:
            raise ConfigError("name a person at least")
        parts = self.free.new_tensor(list(shares.values()))
        rows = torch.tensor([self.names.index(name) for name in shares], device=self.free.device)
        return parts / parts.sum() @ self.every()[rows]

    def of_codes(self, codes: Tensor) -> Tensor:
        """Weights (B, K) of those who answered; of who is not known, the mean of all.

        Args:
            codes: (B,) see `robopref.items.context_code`.
        """
        own = torch.tensor([context_code(name) for name in self.names], dtype=torch.int64, device=codes.device)
        hit = codes[:, None] == own
        table = torch.cat([self.every(), self.mean()[None]])
        return table[torch.where(hit.any(1), hit.int().argmax(1) if len(own) else 0, len(own))]

    def known(self, codes: Tensor) -> bool:
        """Whether all of (B,) codes are of persons who were met."""
        return set(codes.unique().tolist()) <= {context_code(name) for name in self.names}

    def _take(self, names: tuple[str, ...], free: Tensor) -> None:
        for name in names:
            if not 0 < len(name) <= _LONGEST:
                raise ConfigError(f"the name of a person has 1 to {_LONGEST} letters, got {name[:40]!r}")
        self.names = names
        self.free = nn.Parameter(free, requires_grad=self.free.requires_grad)
        told = list(json.dumps(names).encode())
        self.letters = torch.tensor(told, dtype=torch.uint8, device=free.device)

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Take the names of what is loaded; raises ValueError if they are none."""
        names = read_names(state_dict[f"{prefix}letters"])
        free: Tensor = state_dict[f"{prefix}free"]
        if free.ndim != 2 or len(free) != len(names) or free.shape[1] < 1:
            raise ValueError(f"the weights of {len(names)} persons are {list(free.shape)}")
        if (names, free.shape) != (self.names, self.free.shape):  # else an optimiser may hold what is there
            self._take(names, free.new_zeros(free.shape).to(self.free))
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


def read_names(letters: object) -> tuple[str, ...]:
    """The names that are stored with weights.

    Args:
        letters: As `PersonWeights` keeps them.

    Raises:
        ValueError: These are no names.
    """
    if not isinstance(letters, Tensor) or letters.dtype != torch.uint8 or letters.ndim != 1 or len(letters) > 1 << 22:
        raise ValueError("names of persons are no letters")
    names = json.loads(bytes(letters.tolist()) or b"[]")
    if not isinstance(names, list) or not all(isinstance(name, str) and 0 < len(name) <= _LONGEST for name in names):
        raise ValueError("names of persons are no list of names")
    if len(set(names)) != len(names):
        raise ValueError("a person is named twice")
    return tuple(names)


def weights_of_state(state: Mapping[str, Any], prefix: str = "") -> dict[str, list[float]]:
    """What stored weights say of persons, without what they belong to.

    Args:
        state: Of a module.
        prefix: Of `PersonWeights` in it.

    Returns:
        (K,) of each by name.

    Raises:
        ValueError: They are damaged.
    """
    names, free = read_names(state[f"{prefix}letters"]), state[f"{prefix}free"]
    if not isinstance(free, Tensor) or free.ndim != 2 or len(free) != len(names):
        raise ValueError("the weights of persons are no table")
    return dict(zip(names, (_RATE * free.float()).softmax(1).tolist(), strict=True))
