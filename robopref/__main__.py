"""The `robopref` command: a dispatch table."""

from __future__ import annotations

import difflib
import importlib
import io
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from robopref.errors import RoboprefError

# command -> config, module, function
_COMMANDS = {
    "collect": ("config", "robopref.cli.collect", "run"),
    "train": ("config", "robopref.cli.train", "train"),
    "train policy": ("config", "robopref.cli.train", "train_policy"),
    "label": ("config", "robopref.cli.label", "run"),
    "explore": ("config", "robopref.cli.explore", "run"),
    "train reward": ("config", "robopref.cli.train", "train_rewards"),
    "train person": ("config", "robopref.cli.train_person", "run"),
    "train asker": ("config", "robopref.cli.train_asker", "run"),
    "train rewriter": ("config", "robopref.cli.train_rewriter", "run"),
    "train similarity": ("config", "robopref.cli.train_similarity", "run"),
    "train dynamics": ("config", "robopref.cli.train_dynamics", "run"),
    "evaluate": ("config", "robopref.cli.evaluate", "run"),
    "improve": ("config", "robopref.cli.improve", "run"),
    "report": ("config", "robopref.cli.report", "run"),
    "explain": ("config", "robopref.cli.explain", "run"),
    "deploy": ("config", "robopref.cli.deploy", "run"),
    "export": ("config", "robopref.cli.export", "run"),
    "demo": ("demo", "robopref.cli.demo", "run"),
    "offline": ("offline", "robopref.cli.offline", "run"),
    "offline label": ("offline", "robopref.cli.offline", "label"),
    "offline reward": ("offline", "robopref.cli.offline", "train_rewards"),
    "offline grades": ("offline", "robopref.cli.grades", "run"),
    "offline person": ("offline", "robopref.cli.train_person", "run_offline"),
    "offline similarity": ("offline", "robopref.cli.train_similarity", "run_offline"),
    "offline train": ("offline", "robopref.cli.offline", "train_policy"),
    "offline evaluate": ("offline", "robopref.cli.offline", "evaluate"),
    "offline explain": ("offline", "robopref.cli.explain", "run"),
    "online": ("online", "robopref.cli.online", "run"),
    "online collect": ("online", "robopref.cli.online", "collect"),
    "relabel": ("offline", "robopref.cli.offline", "relabel"),
}
# The same for commands on a label database alone, which neither need nor change the settings of its run folder.
_ON_LABELS = {
    "labels quality": ("labels", "robopref.cli.label_quality", "show_quality"),
    "labels import": ("labels", "robopref.cli.labels", "import_file"),
    "labels export": ("labels", "robopref.cli.labels", "export_file"),
    "reasoned cold-start": ("reasoned", "robopref.cli.reasoned", "cold_start"),
    "reasoned sift": ("reasoned", "robopref.cli.reasoned", "sift"),
    "reasoned train": ("reasoned", "robopref.cli.reasoned", "train"),
    "reasoned hard": ("reasoned", "robopref.cli.reasoned", "hard"),
}
# Commands on files, whose paths come before the settings.
_ON_FILES = {
    "data inspect": ("data", "robopref.cli.data", "inspect"),
    "data convert": ("data", "robopref.cli.data", "convert"),
    "data merge": ("data", "robopref.cli.data", "merge"),
    "data split": ("data", "robopref.cli.data", "split"),
    "data quality": ("data", "robopref.cli.data", "quality"),
    "data similar": ("data", "robopref.cli.similar_segments", "run"),
    "cameras": ("cameras", "robopref.cli.cameras", "run"),
    "instruct": ("instruct", "robopref.cli.instruct", "run"),
}
# Without settings of their own: module, function that takes the words, usage.
_PLAIN = {
    "info": ("robopref.cli.info", "run", "robopref info"),
    "settings": ("robopref.cli.settings", "run", "robopref settings run=<folder> [forget=<name>]"),
}
# What holds of a command that was interrupted, but for those that go on where they were.
_INTERRUPTED = dict.fromkeys(_ON_FILES, "nothing was left half-written") | {
    "online": "the same command begins again, and asks nothing that was answered",
}
_LONG, _SHOWN = re.compile(r"\S{1000,}"), 200  # letters of a word in an error
_ENDING = 2.0  # s that what drivers of robots leave running may take to end


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: Words after ``robopref``; None takes them from the process.

    Returns:
        Exit status: 0 done, 1 an error that was explained, 2 wrong usage, 130 interrupted.
    """
    if arguments is not None:
        return _run(list(arguments))
    _look_elsewhere()
    status = _run(sys.argv[1:])
    if sys.argv[1:2] == ["deploy"]:  # a robot's driver may have left threads that never end
        importlib.import_module("robopref.threads").end_process(status, _ENDING)
    return status


def _run(words: list[str]) -> int:
    if words[:1] == ["help"] and words[1:]:
        words = [*words[1:], "--help"]
    if not words or words[0] in ("-h", "--help", "help"):
        sys.stdout.write(_usages().overview())
        return 0
    if words[0] in ("-V", "--version", "version"):
        metadata = importlib.import_module("importlib.metadata")
        sys.stdout.write(f"robopref {metadata.version('robopref')}\n")
        return 0
    command, rest = words[0], words[1:]
    parted = {name.split()[0] for name in _all_commands() if " " in name}
    if command in parted and rest and "=" not in rest[0] and not rest[0].startswith("-"):
        command, rest = f"{command} {rest[0]}", rest[1:]
    try:
        importlib.import_module("robopref.processor").prepare()
        return _dispatch(command, rest)
    except RoboprefError as error:
        sys.stderr.write(f"robopref {command}: {_one_line(str(error))}\n")
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        reason = f"{error.filename}: {error.strerror}; what was done before is kept"
        sys.stderr.write(f"robopref {command}: {_one_line(reason)}\n")
        return 1
    except KeyboardInterrupt as interrupt:
        then = str(interrupt) or _INTERRUPTED.get(command, "the same command goes on from here")
        sys.stderr.write(f"robopref {command}: interrupted; {then}\n")
        return 130


def _dispatch(command: str, rest: list[str]) -> int:
    wants_help = any(word in ("-h", "--help") for word in rest)
    rest = [word for word in rest if word not in ("-h", "--help")]
    if command in _PLAIN:
        module, function, usage = _PLAIN[command]
        if wants_help:
            said = _usages().USAGES[command].said
            sys.stdout.write(f"{usage}\n\n{said[0].upper()}{said[1:]}.\n")
        else:
            getattr(importlib.import_module(module), function)(rest)
        return 0
    commands = _COMMANDS | _ON_LABELS | _ON_FILES
    if command not in commands:
        return _unknown(command, wants_help=wants_help)
    name, module, function = commands[command]
    configuration = importlib.import_module("robopref.cli.configuration")
    alone = command not in _COMMANDS
    paths: list[str] = []
    if command in _ON_FILES:
        paths, rest = configuration.paths_among(name, rest)
    rest = importlib.import_module("robopref.cli.words").written_out(rest)
    if wants_help:
        help_text = importlib.import_module("robopref.cli.help_text")
        sys.stdout.write(help_text.describe(command, name, rest, alone=alone))
        return 0
    schema = importlib.import_module("robopref.cli.schema")
    if alone:
        config = configuration.compose_alone(name, rest)
        schema.check(config, name, command)
        importlib.import_module("robopref.cli.named_files").require_named_files(config, command)
        getattr(importlib.import_module(module), function)(config, *([paths] if command in _ON_FILES else []))
        return 0
    config = configuration.compose_config(name, rest)
    memory = configuration.memory(config, rest, command)
    if configuration.names_own_code(config):
        sys.path.append(os.getcwd())
    try:
        schema.check(config, name, command)
        importlib.import_module("robopref.cli.named_files").require_named_files(config, command)
        importlib.import_module("robopref.cli.written_settings").require_readable(config, command)
        if name in ("config", "demo"):
            importlib.import_module("robopref.cli.recorded_task").require_same_task(config, command, rest)
        context = importlib.import_module("robopref.cli.context").Context(config, memory, command)
        try:
            importlib.import_module("robopref.cli.beginning").begin(context, command)
            getattr(importlib.import_module(module), function)(context)
            memory.accept()
        finally:
            context.finish()
    except RoboprefError as error:
        message = memory.refuse(error)
        if message == str(error):
            raise
        raise type(error)(message) from error
    return 0


def _usages() -> Any:
    return importlib.import_module("robopref.cli.usages")


def _all_commands() -> list[str]:
    return [*_COMMANDS, *_ON_LABELS, *_ON_FILES, *_PLAIN]


def _unknown(command: str, *, wants_help: bool) -> int:
    """Say which commands there are, or which parts a command has that is none without them."""
    known = _all_commands()
    parts = [name for name in known if name.startswith(f"{command} ")]
    if parts:
        lines = [f"robopref {name} {_usages().USAGES[name].paths}".rstrip() for name in parts]
        if wants_help:
            sys.stdout.write("\n".join([*lines, "", "See the settings of each with --help.", ""]))
            return 0
        sys.stderr.write(f"robopref: {command} what? Expected one of: {', '.join(parts)}\n")
        return 2
    last = {name.split()[-1]: name for name in reversed(known)}
    near = difflib.get_close_matches(command, known) or [
        last[word] for word in difflib.get_close_matches(command.rsplit(maxsplit=1)[-1], last)
    ]
    hint = f"did you mean {' or '.join(near)}?" if near else f"expected one of: {', '.join(known)}"
    sys.stderr.write(f"robopref: unknown command {_one_line(command)!r}; {hint}\n")
    return 2


def _one_line(text: str) -> str:
    """A message without line breaks and without what would steer a terminal: parts of it come from files of others.

    Of words that are longer than anybody reads, such as a file in the place of a name, the middle is left out.
    """
    text = _LONG.sub(lambda found: f"{found[0][:_SHOWN]}...{found[0][-_SHOWN // 4 :]}", text)
    letters = (" " if letter.isspace() else letter for letter in text)
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in letters).strip()


def _look_elsewhere() -> None:
    """Import nothing from the current folder, which may be somebody else's, unless the settings name code of one's own.

    ``python -m`` puts it first, and so does every process that is started from here.
    """
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    here, home = os.getcwd(), os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if not sys.flags.safe_path and sys.path[0] in ("", here) and here != home:
        del sys.path[0]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files need not be text


if __name__ == "__main__":
    sys.exit(main())
