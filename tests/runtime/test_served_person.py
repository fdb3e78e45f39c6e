"""Whom candidates are ranked for, changed between plans."""

from typing import Any

from robopref.runtime.control_loop import ControlPace
from robopref.runtime.served_person import ServedPerson
from tests.runtime.parts import Bench
from tests.runtime.test_control_loop import PATIENT


def test_a_choice_holds_from_the_next_plan_on() -> None:
    scored_for = ["all"]
    person = ServedPerson(["all", "ann", "bob"], scored_for.append, "all")
    assert person.ask("bob")
    assert (person.chosen, scored_for) == ("all", ["all"])
    assert person.ask("ann")  # the latest counts
    person.settle()
    assert (person.chosen, scored_for) == ("ann", ["all", "ann"])
    person.settle()
    assert not person.ask("eve")
    assert person.ask("ann")
    person.settle()
    assert scored_for == ["all", "ann"], "nothing is chosen twice"


def test_the_planner_looks_before_each_plan() -> None:
    bench, at = Bench(ControlPace(2, 0.5), limits=PATIENT), list[int]()
    planner = bench.runtime.planner
    planner.person = ServedPerson(["all", "ann"], lambda _: at.append(planner.count), "all")
    seen = bench.witness.on_plan

    def ask(plan: Any) -> None:
        seen(plan)
        if planner.person is not None:
            planner.person.ask("ann")

    bench.witness.on_plan = ask  # type: ignore[method-assign]
    bench.run(commands=8)
    bench.close()
    assert planner.person.chosen == "ann"
    assert len(at) == 1
    assert at[0] >= 1, "the first plan was for all"
