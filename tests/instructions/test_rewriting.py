"""Rewriting of instructions: what is added, what is refused, what is drawn, learnt and rewarded, by hand."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from robopref.checklists.checklist import verdicts
from robopref.checklists.key_point import Requirement
from robopref.checklists.vocabulary import shipped_vocabulary
from robopref.errors import ConfigError, DataError, MismatchError
from robopref.instructions.best_rewrite import best_rewrite
from robopref.instructions.case import Case, load_cases, needs, plain_case, unsaid, words_of
from robopref.instructions.checklist_evaluator import ChecklistEvaluator, evaluator_accuracy, filled
from robopref.instructions.clause_rewriter import ClauseRewriter, Drawn, draw, imitation_loss, log_prob, rewrite_by
from robopref.instructions.drawn_cases import draw_cases, said_in_full
from robopref.instructions.model_rewriter import ModelRewriter, reply_with
from robopref.instructions.offers import Offers
from robopref.instructions.random_rewriter import random_rewrite
from robopref.instructions.rewrite import Addition, changed_intent, cue_reason, rewritten
from robopref.instructions.rewrite_rewards import checklist_reward, format_reward, intent_reward, rewrite_rows
from robopref.instructions.rewriter_training import (
    RewriterConfig,
    Workshop,
    point_advantages,
    train_rewriter,
    trained_evaluator,
    tried_cases,
)
from robopref.instructions.rival_points import without_rivals
from robopref.instructions.stored_rewriter import load_rewriter, load_workshop, offers_for, save_rewriter
from robopref.instructions.table_simulator import TableSimulator
from robopref.labelers.judge import Reply
from robopref.learning.checkpoint import load_checkpoint, save_checkpoint
from robopref.nets.sentences import HashedWords

V = shipped_vocabulary()
ROBOT = TableSimulator(V)
CUP = Case("Put the cup away.", ("full cup", "laptop", "person"))


def one(text: str) -> Requirement:
    (found,) = V.read(text).requirements
    return found


def test_what_is_handled_and_what_may_tell_what_is_wanted() -> None:
    assert CUP.handled == "cup"
    assert [cue.text for cue in CUP.cues] == ["full cup", "laptop", "person", "away"]
    assert Case("put my red box down").handled == "box"
    assert Case("wait").handled == "object"
    assert Case("clear a couple of glasses off carefully", ("old glass",)).handled == "glass"
    said = Case("put the cup away; keep at least 20 cm away from the laptop", ("laptop", "cup"))
    assert said.handled == "cup"
    left, stated = unsaid(said, V)
    assert left.instruction == "put the cup away"
    assert stated == (one("keep at least 20 cm away from the laptop"),)
    assert unsaid(CUP, V) == (CUP, ())
    for text in ("", " ; ", "..."):
        with pytest.raises(ConfigError, match="what is to be done"):
            Case(text)


def test_tables_say_what_words_call_for() -> None:
    found = needs(CUP, V)
    assert {point.key: cue.text for point, cue in found.items()} == {
        "upright": "full cup", "avoid": "laptop", "person": "person"
    }  # fmt: skip
    assert "upright" not in {point.key for point in needs(CUP, V, known=[one("keep the cup upright")])}


def test_a_rewrite_changes_nothing_that_was_said() -> None:
    said = Case("Use the left hand. Put the cup away.", ("cup", "vase"))
    proposed = [
        Addition(one("use the right hand"), "", 0.9), Addition(one("keep the cup upright"), "", 0.5),
        Addition(one("do not tilt the cup"), "", 0.4), Addition(one("keep at least 9 cm away from the stove"), "", 0.8),
        Addition(one("leave the vase where it is"), "", 0.7),
    ]  # fmt: skip
    made = rewritten(said, V, proposed)
    assert made.text == "Use the left hand. Put the cup away; leave the vase where it is; keep the cup upright"
    assert [reason for _, reason in made.refused] == ["it was said already", "there is no stove", "it was said already"]
    assert rewritten(said, V, []).text == said.instruction
    assert made.asked[0] == one("use the left hand")


def test_intent_is_changed_by_what_contradicts_or_says_what_nobody_wants() -> None:
    wanted = Case("put the cup away", ("cup", "lamp"), (one("put the cup on the shelf"), one("use the left hand")))

    def changes(text):
        return changed_intent(rewritten(wanted, V, [Addition(one(text), "")]), V)

    assert changes("put the cup on the shelf") == changes("move smoothly") == []
    assert "contradicts" in changes("put the cup on the tray")[0]
    assert "contradicts" in changes("use the right hand")[0]
    assert "not wanted" in changes("go by way of the lamp")[0]


def test_the_robot_does_what_is_said_and_no_more_than_eight_clauses() -> None:
    cases = draw_cases(V, 24, np.random.default_rng(0))
    told = [verdicts(V, case.wanted, ROBOT.carry_out(case, case.wanted, 1)) for case in cases]
    silent = [verdicts(V, case.wanted, ROBOT.run(case, case.instruction, 1)) for case in cases]
    assert np.mean([done for one in told for done in one]) > 0.9
    assert np.mean([done for one in silent for done in one]) < 0.4
    again = ROBOT.run(cases[0], cases[0].instruction, 1)
    np.testing.assert_array_equal(again.facts["at tool"], ROBOT.run(cases[0], cases[0].instruction, 1).facts["at tool"])
    whole = said_in_full(cases[0], V, np.random.default_rng(0))
    assert set(V.read(whole.instruction).requirements) == set(cases[0].wanted)
    many = "; ".join(["move smoothly", "bump into nothing", "use the left hand", "set the cup down gently",
                      "press with no more than 8 N", "move no faster than 20 cm/s", "go back to where you began",
                      "take only the cup", "keep the cup upright"])  # fmt: skip
    tilted = ROBOT.run(CUP, many, 0)
    assert V["upright"].satisfied(tilted, {"object": "cup"}) is False  # the ninth is not heard
    assert V["hand"].satisfied(tilted, {"hand": "left"}) is True


def test_probabilities_of_reasons_and_clauses_multiply() -> None:
    # One key point, two cues, two choices: leave 0.2, cues 0.3 and 0.5; of the second cue choices 0.9 and 0.1.
    reasons = torch.tensor([[[0.2, 0.3, 0.5]]]).log()
    choices = torch.tensor([[[[0.6, 0.4], [0.9, 0.1]]]]).log()
    both = (reasons, choices)
    second = Drawn(torch.tensor([[2]]), torch.tensor([[1]]))
    assert float(log_prob(both, second)) == pytest.approx(math.log(0.5 * 0.1))
    assert float(log_prob(both, Drawn(torch.tensor([[0]]), torch.tensor([[1]])))) == pytest.approx(math.log(0.2))
    likeliest = draw(both, None)
    assert (int(likeliest.reasons), int(likeliest.choices)) == (2, 0)
    many = (reasons.expand(4000, 1, 3), choices.expand(4000, 1, 2, 2))
    drawn = draw(many, torch.Generator().manual_seed(0))
    assert float((drawn.reasons == 2).float().mean()) == pytest.approx(0.5, abs=0.03)
    # Imitating the first choice, whoever called for it: 0.3 * 0.6 + 0.5 * 0.9 = 0.63; imitating silence: 0.2.
    wished = torch.tensor([[[[True, False], [True, False]]]])
    assert float(imitation_loss(both, wished)) == pytest.approx(-math.log(0.63))
    assert float(imitation_loss(both, torch.zeros_like(wished))) == pytest.approx(-math.log(0.2))


def test_advantages_are_by_key_point_and_a_share_of_the_others() -> None:
    # Two rewrites of one instruction: (1, 0) and (0, 0) of two points. Wholes 1 and 0: mean 1/2, deviation 1/2.
    reward = torch.tensor([[[1.0, 0.0]], [[0.0, 0.0]]])
    got = point_advantages(reward, 0.2)
    # First point: r + 0.2 * 0 = 1, 0, less their mean, over 1/2; second: 0 + 0.2 * 1 = 0.2, 0, likewise.
    torch.testing.assert_close(got[:, 0], torch.tensor([[1.0, 0.2], [-1.0, -0.2]]), atol=1e-4, rtol=1e-4)
    assert point_advantages(torch.ones(4, 3, 2), 0.2).abs().max() == 0


def test_the_evaluator_goes_by_cues_that_call_for_a_point() -> None:
    offers = Offers(V, HashedWords())
    made = ChecklistEvaluator(len(offers.points), offers.most, 384)
    batch = offers.batch([CUP])
    checks = offers.checks([CUP], [ROBOT.run(CUP, "put the cup away; keep the cup upright", 0)])
    place = offers.names.index("upright")
    assert checks[0, place, 0, 0] == 1
    assert checks[0, offers.names.index("avoid"), 0].abs().sum() == 0  # of the cup itself there is no keeping away
    with torch.no_grad():
        made.wants[1].weight.zero_()
        made.wants[1].bias.fill_(0.0)
        wanted, _ = made(batch, checks)
    fitting = int(batch.fits[0, place].sum())
    assert float(wanted[0, place]) == pytest.approx(1 - 0.5**fitting)  # no cue calls for it: one half each
    parts = made.parts(batch, checks)
    torch.testing.assert_close(parts.sum(-1), made.score(batch, checks))
    unknown = Offers(V, HashedWords(), {"laptop"}).batch([CUP])
    assert unknown.fits.any(1).tolist() == [[False, True, False, False]]


def test_a_thing_that_is_a_reason_by_itself_is_named_without_what_it_is_like() -> None:
    box = Case("Put the box away.", ("fragile box",))
    reasons = {point.key: cue_reason(cue, box) for point, cue in needs(box, V).items()}
    assert reasons["region"] == "because it is a box"
    assert reasons["force"] == "because it is a fragile box"


def test_a_clause_that_rules_out_what_may_be_wanted_is_taken_back() -> None:
    offers = offers_for("words", V, ["full", "cup", "laptop"])
    hurry = Requirement("duration", V["duration"].fillings(0, None, "cup"))
    keep = Requirement("upright", V["upright"].fillings(0, None, "cup"))
    made = rewritten(CUP, V, [Addition(hurry, "why"), Addition(keep, "why")])
    assert [one.requirement.key for one in made.additions] == ["duration", "upright"]
    evaluator = ChecklistEvaluator(len(offers.points), offers.most, offers.encoder.size)
    with torch.no_grad():
        evaluator.wants[1].weight.zero_()
        evaluator.wants[1].bias.fill_(-9.0)  # nothing is wanted
        assert without_rivals(evaluator, offers, [made]) == [made]
        evaluator.wants[1].bias.fill_(0.0)  # 1 - 0.5^n of what n cues may call for, slowness too
    (less,) = without_rivals(evaluator, offers, [made])
    assert [one.requirement.key for one in less.additions] == ["upright"]
    assert less.text == f"{CUP.instruction.rstrip(' .;,')}; {V.said(keep)}"
    assert less.refused[-1] == (V.said(hurry), "speed may be wanted, which it rules out")


def test_no_size_of_a_stored_rewriter_is_believed_that_its_file_does_not_hold(tmp_path) -> None:
    offers = offers_for("words", V, ["cup"])
    weights = save_rewriter(
        tmp_path, ClauseRewriter(offers.names, offers.most, offers.encoder.size, 4), "words", offers
    )
    assert load_rewriter(tmp_path, V)[0].settings["width"] == 4
    stored = load_checkpoint(weights)
    save_checkpoint(weights, {**stored, "settings": {**stored["settings"], "width": 10**9}})
    with pytest.raises(DataError, match="its settings say"):
        load_rewriter(tmp_path, V)


@pytest.mark.slow
def test_an_evaluator_and_a_rewriter_learn_are_kept_and_go_on(tmp_path) -> None:
    rng = np.random.default_rng(0)
    labelled, test = draw_cases(V, 60, rng), draw_cases(V, 20, rng)
    config = RewriterConfig(
        shown=60, imitated=60, steps=2, cases=2, group=3, rollouts=1, evaluator_steps=60, save_every=1
    )
    offers = offers_for("words", V, words_of(labelled))
    evaluator = trained_evaluator(offers, labelled, ROBOT, config, seed=0, folder=tmp_path / "rewriter")
    tried, traces = tried_cases(test, offers, ROBOT, 5, 1)
    right = evaluator_accuracy(evaluator, filled(offers, tried, traces))
    assert right.done > right.usual
    assert right.agreement > 0.4
    workshop = Workshop(offers, ROBOT, evaluator)
    folder = tmp_path / "rewriter"
    rewriter = train_rewriter(workshop, labelled, config, seed=0, shown=labelled, folder=folder)
    again = train_rewriter(workshop, labelled, config, seed=0, shown=labelled, folder=folder)
    for first, second in zip(rewriter.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(first, second)
    kept = (folder / "evaluator.pt").read_bytes()
    for other in (replace(config, evaluator_steps=61), replace(config, rollouts=2)):
        with pytest.raises(MismatchError, match=r"evaluator.pt was trained .* with other settings"):
            trained_evaluator(offers, labelled, ROBOT, other, seed=0, folder=folder)
    assert (folder / "evaluator.pt").read_bytes() == kept
    with pytest.raises(MismatchError):
        train_rewriter(workshop, labelled[1:], config, seed=0, shown=labelled, folder=folder)
    made = rewrite_by(rewriter, offers, labelled, surely=0.5)
    added = [addition.requirement in one_.case.wanted for one_ in made for addition in one_.additions]
    assert len(added) > 60
    assert np.mean(added) > 0.6
    assert rewrite_by(rewriter, offers, [made[0].case], surely=1.0)[0].text == made[0].case.instruction
    save_rewriter(folder, rewriter, "words", offers)
    loaded, known = load_rewriter(folder, V)
    assert [one_.text for one_ in rewrite_by(loaded, known, labelled, surely=0.5)] == [one_.text for one_ in made]
    full = rewritten(CUP, V, [Addition(point, "") for point in needs(CUP, V)])
    best = best_rewrite(load_workshop(folder, known), [rewritten(CUP, V, []), full], price=0.0, seeds=[0, 1])
    assert best in (full, rewritten(CUP, V, []))
    dear = best_rewrite(load_workshop(folder, known), [full, rewritten(CUP, V, [])], price=10.0, seeds=[0])
    assert dear.additions == ()
    by_chance = random_rewrite(offers, CUP, 1.0, rng)
    assert len(by_chance.additions) > 5
    with pytest.raises(DataError, match="train rewriter"):
        load_rewriter(tmp_path / "none", V)
    with pytest.raises(ConfigError, match="group"):
        RewriterConfig(group=1)
    assert ClauseRewriter.of(rewriter.settings).settings == rewriter.settings


class ScriptedModel:
    """Says what it is told to, and remembers what it was asked; stands for a language model."""

    name, prices = "scripted", None

    def __init__(self, *said: str) -> None:
        self.said, self.asked = list(said), []

    def ask(self, parts, schema=None, *, sample=0):
        del schema, sample
        self.asked.append(parts)
        return Reply(self.said.pop(0))


def replied(*lines: str) -> str:
    return json.dumps({"reasoning": "it is full", "clauses": "\n".join(lines)})


def test_a_model_is_asked_again_and_only_key_points_count() -> None:
    model = ScriptedModel("Sure!", replied("- keep the cup upright | it is full", "be \x1b[31mnice | why not",
                                           "keep at least 20 cm away from the stove | hot"))  # fmt: skip
    made = ModelRewriter(model, V).rewrite(CUP)
    assert made.text == "Put the cup away; keep the cup upright"
    assert made.additions[0].why == "it is full"
    assert dict(made.refused) == {
        "be [31mnice | why not": "it asks for no key point",  # which steers no terminal
        "keep at least 20 cm away from the stove": "there is no stove",
    }
    assert "full cup, laptop, person" in model.asked[0][0]
    assert len(model.asked[1]) == 2
    silent = ModelRewriter(ScriptedModel("no", "no"), V).rewrite(CUP)
    assert silent.text == CUP.instruction
    assert silent.refused[0][0] == "a whole reply of the model"


def test_rewards_of_replies_are_by_format_intent_and_checklist() -> None:
    case = Case("put the cup away", ("full cup", "lamp"), (one("keep the cup upright"), one("use the left hand")))
    (row,) = rewrite_rows([case], V)
    good = reply_with(rewritten(case, V, [Addition(point, "said") for point in case.wanted]), V)
    bad = replied("use the right hand | why", "be nice | why")
    said = [good, bad, "no reply", [{"role": "assistant", "content": good}]]
    columns = {name: [row[name]] * len(said) for name in ("instruction", "scene", "wanted")}
    assert format_reward(said, **columns) == [1.0, 0.5, 0.0, 1.0]
    assert intent_reward(said, **columns) == [0.2, 0.0, -1.0, 0.2]
    rewards = checklist_reward(said, **columns)
    assert rewards[0] == rewards[3] == 1.0
    assert rewards[1] < 0.6
    assert rewards[2] == 0.0


def test_cases_of_a_file(tmp_path) -> None:
    path = tmp_path / "cases.jsonl"
    known = Case("put the cup away", ("full cup",), (one("keep the cup upright"),))
    path.write_text("\ufeff" + json.dumps(plain_case(known)) + "\n\n")  # as Windows begins its files
    assert load_cases(path, V) == [known]
    for text, said in [
        ("{", "line 1"), ("[]", "looks like"), ('{"instruction": "x", "scene": "cup"}', "scene"),
        ('{"instruction": "x", "scene": ["1"]}', "lists things"), ('{"instruction": ""}', "what is to be done"),
        ('{"instruction": "x", "wanted": [{"key": "up"}]}', "upright"), ("", "holds no case"),
        ('{"instruction": "x", "scen": ["cup"]}', "unknown field of a case 'scen'.*scene"),
        (json.dumps({"instruction": "x" * 3000}), "line 1: an instruction has 2000 letters at most"),
        ('{"instruction": "x \\ud800"}', "cannot be shown"), ('{"instruction": "x \\u001b[31m"}', "cannot be shown"),
        ('{"instruction": "x", "scene": ["\\u202ecup"]}', "cannot be shown"),
        ('{"instruction": "x", "wanted": [{"key": "speed", "speed": [1]}]}', "line 1: speed of key point speed"),
    ]:  # fmt: skip
        path.write_text(text)
        with pytest.raises(DataError, match=said):
            load_cases(path, V)
