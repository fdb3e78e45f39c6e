"""How people are asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from robopref.errors import ConfigError
from robopref.labeler_kinds import Kind
from robopref.records import QUERY_KINDS, QueryKind
from robopref.web.access import check_name
from robopref.web.request_guard import LOOPBACK

if TYPE_CHECKING:
    from robopref.labelers.people.answering import People
    from robopref.labelers.subject import Subject


@dataclass(frozen=True)
class LabelSettings:
    """Settings of ``labeler=human``.

    Called with a subject, they make who puts the questions to people.

    Attributes:
        annotator: Name of the person at this machine; None takes the name of the account.
        terminal: Ask in the terminal, with pictures as files, instead of in a browser.
        open: Open the page in a browser; its address is printed in any case.
        host: Address to listen at. Beyond this machine everyone needs a token.
        port: Port to listen at; 0 takes a free one.
        annotators: Names of the people who each get a token.
        tokens: JSON file of tokens by name, instead of generated ones.
        replicates: How many people answer each question.
        lease: Seconds after which an open question may go to someone else.
        repeats: Share of the pairs that are asked twice, the second time the other way round.
        checks: Share of questions whose answer is known, because the outcomes differ clearly; they are tried out in
            simulation first.
        clips: Film in simulation what each candidate would do, and show that as well.
        levels: Steps of the rating scale; 2 is failure or success.
        database: URL of the database; None keeps the labels in the run folder.
    """

    kind: ClassVar[Kind] = "person"  # of labeler, as stored answers tell it

    annotator: str | None = None
    terminal: bool = False
    open: bool = True
    host: str = "127.0.0.1"
    port: int = 8765
    annotators: Sequence[str] = ()
    tokens: str | None = None
    replicates: int = 1
    lease: float = 300.0
    repeats: float = 0.0
    checks: float = 0.0
    clips: bool = False
    levels: int = 5
    database: str | None = None

    kinds: ClassVar[tuple[QueryKind, ...]] = QUERY_KINDS

    def __post_init__(self) -> None:
        for name in (*self.annotators, *([] if self.annotator is None else [self.annotator])):
            check_name(name)
        if len(set(self.annotators)) != len(self.annotators):
            raise ConfigError(f"labeler.annotators must differ, got {', '.join(self.annotators)}")
        if self.annotators and self.tokens:
            raise ConfigError("give labeler.annotators or labeler.tokens, not both")
        if self.host not in LOOPBACK and not (self.annotators or self.tokens or self.terminal):
            raise ConfigError(
                f"labeler.host={self.host} can be reached from other machines, so everyone needs a token: name them "
                "with labeler.annotators=[ann,bob], or give a file of tokens with labeler.tokens="
            )
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"labeler.port must be in 0 to 65535, got {self.port}")
        for name, share in (("repeats", self.repeats), ("checks", self.checks)):
            if not 0 <= share <= 0.5:
                raise ConfigError(f"labeler.{name} must be in [0, 0.5], got {share}")
        if not 2 <= self.levels <= 9:
            raise ConfigError(f"labeler.levels must be in 2 to 9, got {self.levels}")

    def __call__(self, subject: Subject) -> People:
        """Make who puts questions about a subject to people.

        Raises:
            ConfigError: There is nothing to show, or attention checks or films are wanted of items that are no
                candidates.
        """
        from robopref.labelers.people.answering import People

        return People(self, subject)
