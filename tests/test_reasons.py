"""Reasons are lines that come back as they were written, and anything else is left alone."""

from hypothesis import given
from hypothesis import strategies as st

from robopref.reasons import Chain, DimensionFinding, read_chains

CHAIN = Chain(
    (1, 0),
    (DimensionFinding("progress", (7.0, 4.0), "The second gets there."), DimensionFinding("contact", (9.0, 9.0))),
    0.0,
    0.8,
)


def test_a_chain_comes_back_as_it_was_written() -> None:
    text = CHAIN.written()
    assert text == "[asked 1 0]\n[progress 7 4] The second gets there.\n[contact 9 9]\n[verdict 0 0.8]"
    assert read_chains(text) == [CHAIN]
    assert read_chains(f"So I say.\n{text}\n--\n{text}\nand more") == [CHAIN, CHAIN]
    assert CHAIN.scores == {"progress": (7.0, 4.0), "contact": (9.0, 9.0)}


def test_small_numbers_are_written_out() -> None:
    chain = Chain((0, 1), (DimensionFinding("progress", (9.5, 1.0)),), 0.00002, 0.99998)
    assert read_chains(chain.written()) == [chain]


def test_what_is_said_may_hold_anything_and_stays_one_line() -> None:
    said = "a\n[verdict 1 1]\n--\n[progress 1 1] " + "x" * 2000
    (back,) = read_chains(Chain((0, 1), (DimensionFinding("progress", (1.0, 2.0), said),), 0.5).written())
    assert back.findings[0].scores == (1.0, 2.0)
    assert len(back.findings[0].said) == 600


def test_what_is_no_whole_chain_is_left_out() -> None:
    lines = CHAIN.written().split("\n")
    for broken in (
        lines[1:],  # nobody knows how it was asked
        lines[:-1],  # no verdict
        [lines[0], lines[-1]],  # no finding
        ["[asked 1 1]", *lines[1:]],
        [*lines[:-1], "[verdict 3 0.8]"],
        [*lines[:-1], "[verdict 1]"],
    ):
        assert read_chains("\n".join(broken)) == []
    # A finding with another number of scores does not count.
    assert read_chains("\n".join([*lines[:2], "[contact 9]", *lines[3:]]))[0].scores == {"progress": (7.0, 4.0)}


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert read_chains(text) == []
