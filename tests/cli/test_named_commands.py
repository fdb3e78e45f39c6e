"""Commands that messages name are there."""

import ast
import re
from pathlib import Path

import robopref
from robopref.__main__ import _COMMANDS, _ON_FILES, _ON_LABELS

KNOWN = {*_COMMANDS, *_ON_FILES, *_ON_LABELS}
NAMED = re.compile(r"robopref ((?:data|labels|reasoned|train) [a-z-]+)(?![=\w])")


def test_whatever_a_message_tells_to_run_can_be_run() -> None:
    named = dict[str, str]()
    for path in sorted(Path(robopref.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named |= dict.fromkeys(NAMED.findall(node.value), path.name)
    assert len(named) > 10
    assert {command: where for command, where in named.items() if command not in KNOWN} == {}
