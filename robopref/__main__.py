"""The `robopref` command: a dispatch table."""

from __future__ import annotations

import difflib
import importlib
import io
import os
import sys
from collections.abc import Sequence

from robopref.errors import RoboprefError
from robopref.processor import prepare

_HELP = """\
robopref <command> [name=value ...]

  collect        record demonstrations of a task in simulation
  train          what of the following two is not done yet; method=<name> chooses how preferences are learnt
  train policy   clone the demonstrations into a diffusion policy
  label          have a scripted teacher, people, a vision-language model or a metric compare candidate actions
  train reward   train explicit and implicit rewards on the answers
  evaluate       compare action selection on held-out starts
  report         write an HTML report of the evaluation
  offline        learn from recorded episodes: label segments, train a reward, relabel, learn, evaluate; its steps:
  offline label, offline reward, relabel, offline train, offline evaluate
  online         train an agent of stable-baselines3 against a learnt reward, asking for preferences on the way
  online collect let such an agent make behaviour data of several qualities, for robopref offline
  deploy         let a reward choose among the policy's actions on a robot: simulated, or a dry run if not told to
  export         write policy and reward for small computers, and check that they still say the same
  labels         quality: agreement, consistency and bias of the labels; import, export: other formats
  data           inspect, convert, merge, split, quality: datasets, also those of other projects
  cameras        check hand-eye calibrations by what the cameras see, look at it, and write better ones
  demo           all of these, on small settings
  settings       what a run folder remembers: run=<folder>, and forget=<name> to forget a setting
  info           versions and devices, for bug reports

Commands with the same run=<folder> build on each other, and resume where they were stopped. Settings given once are
remembered in the run folder. See a command's settings with: robopref <command> --help
The version is said by: robopref --version
"""

# command -> config, module, function
_COMMANDS = {
    "collect": ("config", "robopref.cli.collect", "run"),
    "train": ("config", "robopref.cli.train", "train"),
    "train policy": ("config", "robopref.cli.train", "train_policy"),
    "label": ("config", "robopref.cli.label", "run"),
    "train reward": ("config", "robopref.cli.train", "train_rewards"),
    "evaluate": ("config", "robopref.cli.evaluate", "run"),
    "report": ("config", "robopref.cli.report", "run"),
    "deploy": ("config", "robopref.cli.deploy", "run"),
    "export": ("config", "robopref.cli.export", "run"),
    "demo": ("demo", "robopref.cli.demo", "run"),
    "offline": ("offline", "robopref.cli.offline", "run"),
    "offline label": ("offline", "robopref.cli.offline", "label"),
    "offline reward": ("offline", "robopref.cli.offline", "train_reward"),
    "offline train": ("offline", "robopref.cli.offline", "train_policy"),
    "offline evaluate": ("offline", "robopref.cli.offline", "evaluate"),
    "online": ("online", "robopref.cli.online", "run"),
    "online collect": ("online", "robopref.cli.online", "collect"),
    "relabel": ("offline", "robopref.cli.offline", "relabel"),
}
# The same for commands on a label database alone, which neither need nor change the settings of its run folder.
_ON_LABELS = {
    "labels quality": ("labels", "robopref.cli.labels", "show_quality"),
    "labels import": ("labels", "robopref.cli.labels", "import_file"),
    "labels export": ("labels", "robopref.cli.labels", "export_file"),
}
# Commands on files, whose paths come before the settings.
_ON_FILES = {
    "data inspect": ("data", "robopref.cli.data", "inspect"),
    "data convert": ("data", "robopref.cli.data", "convert"),
    "data merge": ("data", "robopref.cli.data", "merge"),
    "data split": ("data", "robopref.cli.data", "split"),
    "data quality": ("data", "robopref.cli.data", "quality"),
    "cameras": ("cameras", "robopref.cli.cameras", "run"),
}
# Without settings of their own: module, function that takes the words, usage.
_PLAIN = {
    "info": ("robopref.cli.info", "run", "robopref info\n\nPrints versions and devices, for bug reports.\n"),
    "settings": (
        "robopref.cli.settings", "run",
        "robopref settings run=<folder> [forget=<name>]\n\nShows the settings that a run folder remembers, or forgets "
        "one, with those below it.\n",
    ),
}  # fmt: skip
_ENDING = 2.0  # s that what drivers of robots leave running may take to end
_PATHS = {
    "data inspect": "PATH",
    "data convert": "SRC DST",
    "data merge": "A B [...] DST",
    "data split": "SRC DST_A DST_B",
    "data quality": "PATH",
    "cameras": "CALIBRATION [...]",
}


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
        sys.stdout.write(_HELP)
        return 0
    if words[0] in ("-V", "--version", "version"):
        metadata = importlib.import_module("importlib.metadata")
        sys.stdout.write(f"robopref {metadata.version('robopref')}\n")
        return 0
    command, rest = words[0], words[1:]
    parted = {name.split()[0] for name in _all_commands() if " " in name}
    if command in parted and rest and "=" not in rest[0] and not rest[0].startswith("-"):
        command, rest = f"{command} {rest[0]}", rest[1:]
    prepare()
    try:
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
    except KeyboardInterrupt:
        then = "nothing was left half-written" if command in _ON_FILES else "the same command goes on from here"
        sys.stderr.write(f"robopref {command}: interrupted; {then}\n")
        return 130


def _dispatch(command: str, rest: list[str]) -> int:
    wants_help = any(word in ("-h", "--help") for word in rest)
    rest = [word for word in rest if word not in ("-h", "--help")]
    if command in _PLAIN:
        module, function, usage = _PLAIN[command]
        if wants_help:
            sys.stdout.write(usage)
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
        usage = f"{command} {_PATHS[command]}" if command in _PATHS else command
        sys.stdout.write(configuration.describe(usage, name, rest, alone=alone))
        return 0
    schema = importlib.import_module("robopref.cli.schema")
    if alone:
        config = configuration.compose_alone(name, rest)
        schema.check(config, name, command)
        getattr(importlib.import_module(module), function)(config, *([paths] if command in _ON_FILES else []))
        return 0
    config = configuration.compose_config(name, rest)
    memory = configuration.memory(config, rest, command)
    if configuration.names_own_code(config):
        sys.path.append(os.getcwd())
    try:
        schema.check(config, name, command)
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


def _all_commands() -> list[str]:
    return [*_COMMANDS, *_ON_LABELS, *_ON_FILES, *_PLAIN]


def _unknown(command: str, *, wants_help: bool) -> int:
    """Say which commands there are, or which parts a command has that is none without them."""
    known = _all_commands()
    parts = [name for name in known if name.startswith(f"{command} ")]
    if parts:
        lines = [f"robopref {name} {_PATHS.get(name, '')}".rstrip() for name in parts]
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
    """A message without line breaks and without what would steer a terminal: parts of it come from files of others."""
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
