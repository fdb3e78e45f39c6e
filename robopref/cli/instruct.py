"""`robopref instruct`: terse instructions made explicit, with what was added and why."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from robopref.checklists.vocabulary import Vocabulary, vocabulary_with
from robopref.cli.named_errors import named_after
from robopref.cli.tables import console, print_table, tracked
from robopref.errors import ConfigError, DataError
from robopref.files import kind_of, replacing, require_file
from robopref.instructions.best_rewrite import best_rewrite
from robopref.instructions.case import Case, load_cases, needs, plain_requirements, thing_of, unsaid
from robopref.instructions.clause_rewriter import rewrite_by
from robopref.instructions.model_rewriter import ModelRewriter
from robopref.instructions.rewrite import Addition, Rewrite, cue_reason, rewritten
from robopref.instructions.rival_points import without_rivals
from robopref.instructions.stored_rewriter import FOLDER, load_rewriter, load_workshop
from robopref.labelers.patience import PatientJudge
from robopref.labelers.reply_cache import ReplyCache
from robopref.labelers.request_budget import RequestBudget, RequestLimits
from robopref.labelers.served import ServedJudge
from robopref.seeding import derive

_LONGEST = 1_000_000  # letters of a file of instructions
_PRICE, _ROLLOUTS = 0.01, 4  # of a clause, and of each rewrite that is tried


def run(config: DictConfig, words: Sequence[str]) -> None:
    """Make one instruction explicit, or those of a file; prints them, and writes ``path`` if it is given.

    Args:
        config: Settings.
        words: The instruction, in one or several words, or a file.

    Raises:
        ConfigError: There is no instruction, or a setting cannot work.
        DataError: A file cannot be read.
    """
    vocabulary = vocabulary_with([str(path) for path in config.key_points])
    cases = _cases(config, words, vocabulary)
    target = None if config.path is None else Path(str(config.path))
    _require_place(target, Path(" ".join(words)))
    by = str(config.by or ("trained" if (_folder(config) / "weights.pt").exists() else "rules"))
    with ExitStack() as stack:
        rewriter = {"rules": _by_rules, "trained": _by_training, "best": _by_best, "model": _by_model}[by]
        rewrite = rewriter(config, vocabulary, stack)
        made = [rewrite(case) for case in tracked(cases, len(cases), "Make instructions explicit")]
    for one in made:
        _show(one, vocabulary, by)
    if target is not None:
        with replacing(target) as unfinished, unfinished.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(_plain(one, vocabulary), ensure_ascii=False) + "\n" for one in made)
        _say(f"{target}: {len(made)} instructions")


def _cases(config: DictConfig, words: Sequence[str], vocabulary: Vocabulary) -> list[Case]:
    scene = tuple(str(one) for one in config.scene)
    for entry in scene:
        thing_of(entry)
    text = " ".join(words)
    if not text.strip():
        raise ConfigError('an instruction is missing: robopref instruct "put the box away", or a .txt or .jsonl file')
    path = Path(text)
    if text.lower().endswith(".jsonl"):
        if scene:
            raise ConfigError("scene= is for an instruction in words; a .jsonl file says itself what is around")
        return load_cases(path, vocabulary)
    if not text.lower().endswith(".txt"):
        if kind := kind_of(path):
            said = "no file" if kind == "a file" else f"{kind}, not a file"
            raise ConfigError(f"{text} is {said} of instructions; .txt holds one a line, .jsonl a case a line")
        return [Case(text, scene)]
    require_file(path)
    try:
        with path.open(encoding="utf-8-sig") as file:
            told = file.read(_LONGEST + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read instructions from {path}: {getattr(error, 'strerror', None) or error}") from error
    if len(told) > _LONGEST:
        raise DataError(f"{path} has more than {_LONGEST:,} letters")
    cases: list[Case] = []
    for number, line in enumerate(told.splitlines(), 1):
        try:
            cases += [Case(line.strip(), scene)] if line.strip() else []
        except ConfigError as error:
            raise DataError(f"{path}, line {number}: {error}") from error
    if not cases:
        raise DataError(f"{path} holds no instruction")
    return cases


def _require_place(target: Path | None, source: Path) -> None:
    """Refuse a place that cannot be written, before a model is asked, or that instructions are read from."""
    if target is None:
        return
    if os.path.isdir(target) or not os.access(next(one for one in target.absolute().parents if one.exists()), os.W_OK):
        raise DataError(f"cannot write path={target}: it is a folder, or in one that cannot be written")
    if os.path.exists(source) and os.path.realpath(source) == os.path.realpath(target):
        raise ConfigError(f"path={target} is the file of the instructions; name another one")


def _folder(config: DictConfig) -> Path:
    return Path(str(config.run)) / FOLDER


def _by_rules(config: DictConfig, vocabulary: Vocabulary, stack: ExitStack) -> Any:
    del config, stack

    def rewrite(case: Case) -> Rewrite:
        left, stated = unsaid(case, vocabulary)
        found = needs(left, vocabulary, known=stated)
        return rewritten(case, vocabulary, [Addition(one, cue_reason(cue, case)) for one, cue in found.items()], stated)

    return rewrite


def _by_training(config: DictConfig, vocabulary: Vocabulary, stack: ExitStack) -> Any:
    del stack
    rewriter, offers = load_rewriter(_folder(config), vocabulary)
    evaluator = load_workshop(_folder(config), offers).evaluator

    def rewrite(case: Case) -> Rewrite:
        made = rewrite_by(rewriter, offers, [case], surely=float(config.surely))
        return without_rivals(evaluator, offers, made)[0]

    return rewrite


def _by_best(config: DictConfig, vocabulary: Vocabulary, stack: ExitStack) -> Any:
    del stack
    rewriter, offers = load_rewriter(_folder(config), vocabulary)
    workshop = load_workshop(_folder(config), offers)

    def rewrite(case: Case) -> Rewrite:
        generator = torch.Generator().manual_seed(derive(int(config.seed), case.instruction) % 2**31)
        tried = rewrite_by(rewriter, offers, [case], surely=float(config.surely))
        tried += rewrite_by(rewriter, offers, [case] * (int(config.tries) - 1), generator)
        seeds = [derive(int(config.seed), "rollout", place) % 2**31 for place in range(_ROLLOUTS)]
        kept = without_rivals(workshop.evaluator, offers, tried)
        return best_rewrite(workshop, kept, price=_PRICE, seeds=seeds)

    return rewrite


def _by_model(config: DictConfig, vocabulary: Vocabulary, stack: ExitStack) -> Any:
    with named_after("", "labeler.judge."):
        judge = ServedJudge(
            None if config.model is None else str(config.model), provider=config.provider,
            base_url=None if config.base_url is None else str(config.base_url), max_tokens=int(config.max_tokens),
        )  # fmt: skip
    folder = Path(str(config.run))
    folder.mkdir(parents=True, exist_ok=True)
    cache = ReplyCache(folder / "replies.sqlite")
    stack.callback(cache.close)
    limits = RequestLimits(config.requests, config.usd)
    patient = PatientJudge(judge, cache, RequestBudget(limits, judge.prices, judge=judge.name, ledger=cache.ledger))
    return ModelRewriter(patient, vocabulary, repairs=int(config.repairs)).rewrite


def _show(made: Rewrite, vocabulary: Vocabulary, by: str) -> None:
    _say(made.text)
    rows = [(one.key, vocabulary.said(one), "said", "") for one in made.stated]
    rows += [(one.requirement.key, vocabulary.said(one.requirement), "added", one.why) for one in made.additions]
    if rows:
        print_table(console, f"Key points (by={by})", [("key point", "clause", "", "why"), *rows])
    if not made.additions:
        _say("nothing was added: the instruction stays as it is")
    for clause, reason in made.refused[:5]:
        _say(f"not added: {clause}: {reason}")


def _plain(made: Rewrite, vocabulary: Vocabulary) -> dict[str, Any]:
    return {
        "instruction": made.case.instruction, "scene": list(made.case.scene), "rewritten": made.text,
        "said": plain_requirements(made.stated),
        "added": [
            {**plain_requirements([one.requirement])[0], "clause": vocabulary.said(one.requirement), "why": one.why}
            for one in made.additions
        ],
        "refused": [{"clause": clause, "why": reason} for clause, reason in made.refused],
    }  # fmt: skip


def _say(line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)
