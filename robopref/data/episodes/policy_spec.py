"""What a policy is made for, by what was recorded."""

from __future__ import annotations

from collections.abc import Iterable

from robopref.data.episode_formats.dataset import observed
from robopref.data.episodes.geometry import optional_geometry
from robopref.data.episodes.recorded_views import named_otherwise
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError
from robopref.policy_shapes import PolicySpec


def require_observed(store: EpisodeStore, names: Iterable[str]) -> None:
    """Demand that some arrays were observed.

    Raises:
        DataError: One was not.
    """
    there = observed(store.keys, store.attrs)
    if missing := [name for name in names if name not in there]:
        raise DataError(
            f"{store.path} has no {', '.join(missing)}, which this policy observes; it has {', '.join(there) or 'none'}"
            f"{named_otherwise(store)}. policy=observed takes what there is; read.names.<name>=<array> gives an array "
            "another name"
        )


def recorded_spec(store: EpisodeStore) -> PolicySpec:
    """What a policy that is learnt from a store is made for.

    Args:
        store: Episodes with ``action``.

    Raises:
        DataError: Nothing was observed, or there are no actions.
    """
    if "action" not in store.keys or store.array("action", 0, 0).ndim != 2:
        shape = store.array("action", 0, 0).shape[1:] if "action" in store.keys else None
        found = f"actions of shape {shape}" if shape is not None else f"only {', '.join(store.keys)}"
        raise DataError(
            f"{store.path} must have an array action of vectors (A,), it has {found}; read.names.action=<array> names "
            "another one"
        )
    names = observed(store.keys, store.attrs)
    if not names:
        joined = (
            ". Of several recordings, only arrays that all of them have are taken" if "dataset" in store.keys else ""
        )
        raise DataError(
            f"{store.path} says of none of its arrays that it was observed ({', '.join(store.keys)}); name them, such "
            f"as read.names.state=<array>{joined}"
        )
    shapes = {name: store.array(name, 0, 0).shape[1:] for name in names}
    return PolicySpec(shapes, store.array("action", 0, 0).shape[1], optional_geometry(store))
