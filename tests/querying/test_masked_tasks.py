import numpy as np
import pytest

from robopref.errors import ConfigError
from robopref.querying.masked_tasks import SimulatedPerson, drawn_task, mask_task
from robopref.rewards.answer_likelihood import AnswerModel, TypedQuestion
from robopref.rewards.named_features import LinearRewards, NamedFeatures

FEATURES = NamedFeatures(("height", "tilt", "gap"), np.zeros(3), np.array([1.0, 1.0, 2.0]), (None, None, "low"))
TRUTH = LinearRewards(FEATURES, np.array([[-3.0, 0.0, 2.0]]), np.array([[0.0, 0.0, 0.25]]))


def test_a_brief_tells_what_is_not_masked():
    task = mask_task(TRUTH, ["height"])
    assert task.masked == {"height"}
    assert "height" not in task.brief.features
    assert task.brief.of("gap").effect == 2
    assert task.brief.of("gap").limit == pytest.approx(0.5)  # in its own unit
    assert task.brief.prior(FEATURES).limits[2] == pytest.approx(0.25)


def test_told_effects_may_be_a_little_wrong():
    told = [mask_task(TRUTH, [], doubt=0.5, seed=seed).brief.of("gap").effect for seed in range(300)]
    assert np.std(told) == pytest.approx(0.5, abs=0.07)


def test_a_drawn_task_masks_its_share():
    task = drawn_task(FEATURES, np.random.default_rng(0), share=0.67)
    assert len(task.masked) == 2
    assert set(task.brief.features) == set(FEATURES.names) - task.masked
    assert len(drawn_task(FEATURES, np.random.default_rng(0), share=0.0).masked) == 1


def test_a_simulated_person_answers_as_the_model_says():
    person, rng = SimulatedPerson(TRUTH, AnswerModel()), np.random.default_rng(0)
    question = TypedQuestion("pair", np.array([[0.0, 0.0, 1.0], [0.5, 0.0, 1.0]]))
    said = np.mean([person.answer(question, rng).answer[0] for _ in range(2000)])
    assert said == pytest.approx(1 / (1 + np.exp(-1.5)), abs=0.03)


def test_a_simulated_person_says_what_matters_and_where_the_bad_begins():
    person, rng = SimulatedPerson(TRUTH, AnswerModel(sharpness=60, error=0.01, vague=0.0)), np.random.default_rng(0)
    said = [person.answer(TypedQuestion("feature", np.zeros((0, 3)), place), rng).answer.tolist() for place in range(3)]
    assert said == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    threshold = person.answer(TypedQuestion("threshold", np.zeros((0, 3)), 2), rng).answer
    assert person.model.marks[threshold.argmax()] == pytest.approx(0.25)


def test_a_simulated_person_orders_by_what_items_are_worth():
    person, rng = SimulatedPerson(TRUTH, AnswerModel(rationality=50)), np.random.default_rng(0)
    items = np.array([[0.9, 0.0, 1.0], [0.1, 0.0, 1.0], [0.5, 0.0, 1.0]])
    assert person.answer(TypedQuestion("ranking", items), rng).answer.tolist() == [2, 0, 1]


def test_what_cannot_be_masked_is_refused():
    with pytest.raises(ConfigError, match="Did you mean tilt"):
        mask_task(TRUTH, ["tild"])
    with pytest.raises(ConfigError, match="one reward, got 2"):
        mask_task(LinearRewards(FEATURES, np.zeros((2, 3)), np.zeros((2, 3))), [])
