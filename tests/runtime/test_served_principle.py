"""By what candidates are ranked, changed between plans."""

from robopref.runtime.control_loop import ControlPace
from robopref.runtime.served_principle import ServedPrinciple
from tests.runtime.parts import Bench
from tests.runtime.test_control_loop import PATIENT


def test_a_sentence_holds_from_the_next_plan_on() -> None:
    chosen = list[str | None]()
    principle = ServedPrinciple(["be fast"], chosen.append)
    assert principle.ask(" be  slow; then be gentle") == ""
    assert (principle.chosen, chosen) == (None, [])
    principle.settle()
    principle.settle()
    assert (principle.chosen, chosen) == ("be slow; then be gentle", ["be slow; then be gentle"])
    assert principle.ask("be slow; then be gentle") == ""
    principle.settle()
    assert len(chosen) == 1, "nothing is chosen twice"
    assert "a principle says how to judge" in principle.ask(";")
    assert principle.ask("") == ""
    principle.settle()
    assert chosen[-1] is None


def test_the_planner_looks_before_each_plan() -> None:
    bench, at = Bench(ControlPace(2, 0.5), limits=PATIENT), list[int]()
    planner = bench.runtime.planner
    planner.principle = ServedPrinciple([], lambda _: at.append(planner.count))
    planner.principle.ask("be fast")
    bench.run(commands=8)
    bench.close()
    assert planner.principle.chosen == "be fast"
    assert at == [0]
