"""YAML of files that may come from anybody: plain values, and no more of them than the file is long."""

from __future__ import annotations

from typing import Any

import yaml

from robopref.errors import DataError

_SHOWN = 200  # letters of what is wrong


def plain_yaml(text: str) -> Any:
    """Plain values of YAML.

    Args:
        text: The YAML, of a length that the caller has limited.

    Raises:
        DataError: It is none, is nested too deeply, or refers to itself; the message says why, and not where.
    """
    try:
        return yaml.load(text, _PlainLoader)
    except yaml.YAMLError as error:
        raise DataError(" ".join(str(error).split())[:_SHOWN]) from error
    except RecursionError as error:
        raise DataError("it is nested too deeply") from error
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:  # no date, no number, ...
        raise DataError(str(error)[:_SHOWN]) from error


class _PlainLoader(yaml.SafeLoader):
    """YAML without references, of which a few lines can stand for any amount of memory."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it refers to itself")
        return super().compose_node(parent, index)

    def construct_yaml_int(self, node: Any) -> int:
        value = super().construct_yaml_int(node)
        if abs(value) >= 2**63:  # of which no float may be made, and no text
            raise ValueError("a whole number is too large")
        return value


_PlainLoader.add_constructor("tag:yaml.org,2002:int", _PlainLoader.construct_yaml_int)
