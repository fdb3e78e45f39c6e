"""Rewriters on disk, with the evaluator that they were trained by."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from robopref.checklists.vocabulary import Vocabulary
from robopref.errors import DataError, MismatchError
from robopref.instructions.checklist_evaluator import ChecklistEvaluator
from robopref.instructions.clause_rewriter import ClauseRewriter
from robopref.instructions.offers import Offers
from robopref.instructions.rewriter_training import Workshop
from robopref.instructions.table_simulator import TableSimulator
from robopref.learning.checkpoint import UNREADABLE, load_checkpoint, require_alike, save_checkpoint
from robopref.nets.sentences import sentence_encoder

FOLDER, _WEIGHTS, _EVALUATOR = "rewriter", "weights.pt", "evaluator.pt"


def offers_for(sentences: str, vocabulary: Vocabulary, known: Iterable[str]) -> Offers:
    """What a rewriter may add that has met some words; a bag of words knows no others.

    Args:
        sentences: ``words``, ``minilm`` or ``carried``.
        vocabulary: Key points.
        known: Words that were met.

    Raises:
        DependencyError: The sentence encoder is not installed.
    """
    return Offers(vocabulary, sentence_encoder(sentences), known if sentences == "words" else None)


def save_rewriter(folder: Path, rewriter: ClauseRewriter, sentences: str, offers: Offers) -> Path:
    """Keep a rewriter.

    Args:
        folder: Where to.
        rewriter: The rewriter.
        sentences: What makes vectors of words for it.
        offers: What it may add.

    Returns:
        The file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _WEIGHTS
    made = {"settings": rewriter.settings, "sentences": sentences, "known": sorted(offers.known or ())}
    save_checkpoint(path, {**made, "module": rewriter.state_dict()})
    return path


def load_rewriter(folder: Path, vocabulary: Vocabulary) -> tuple[ClauseRewriter, Offers]:
    """A rewriter that was kept, and what it may add.

    Args:
        folder: Where from.
        vocabulary: Key points, which have to be those that it was trained with.

    Raises:
        DataError: There is none, or it cannot be read.
        MismatchError: It was trained with other key points.
        DependencyError: Its sentence encoder is not installed.
    """
    path = folder / _WEIGHTS
    if not path.exists():
        raise DataError(f"no trained rewriter at {path}; run: robopref train rewriter run={folder.parent}")
    stored: dict[str, Any] = load_checkpoint(path, torch.device("cpu"))
    try:
        offers = offers_for(str(stored["sentences"]), vocabulary, [str(word) for word in stored["known"]])
        with torch.device("meta"):  # takes no memory, whatever sizes a file claims
            require_alike(ClauseRewriter.of(stored["settings"]).state_dict(), stored["module"])
        rewriter = ClauseRewriter.of(stored["settings"])
        if rewriter.points != offers.names or rewriter.choices != offers.most:
            raise MismatchError(
                f"{path} was trained with other key points ({', '.join(rewriter.points)}); train it again, in another "
                "run folder"
            )
        rewriter.load_state_dict(stored["module"])
    except UNREADABLE as error:
        raise DataError(f"{path} holds no rewriter of this version: {' '.join(str(error).split())[:200]}") from error
    return rewriter.eval(), offers


def load_workshop(folder: Path, offers: Offers) -> Workshop:
    """The simulated robot, and the evaluator that was kept.

    Raises:
        DataError: There is none, or it cannot be read.
    """
    path = folder / _EVALUATOR
    if not path.exists():
        raise DataError(f"no evaluator at {path}; run: robopref train rewriter run={folder.parent}")
    stored: dict[str, Any] = load_checkpoint(path, torch.device("cpu"))
    made = ChecklistEvaluator(len(offers.points), offers.most, offers.encoder.size)
    try:
        made.load_state_dict(stored["module"])
    except UNREADABLE as error:
        raise DataError(f"{path} holds no evaluator of these key points; train again, in another run folder") from error
    return Workshop(offers, TableSimulator(offers.vocabulary), made.eval())
