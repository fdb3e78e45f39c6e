import numpy as np

from robopref.protocols import Selector
from robopref.querying.selectors.representative import RepresentativeSelector
from robopref.records import Item, Query

# Two groups along a line, three and two, and one item apart from both.
WHERE = (0.0, 1.0, 2.0, 10.0, 11.0, 40.0)


def question(number: int) -> Query:
    return Query(str(number), "rating", (Item("line", number, number + 1),))


POOL = [question(number) for number in range(len(WHERE))]


def ids(queries):
    return [query.id for query in queries]


def test_what_stands_for_most_comes_first_and_every_group_is_asked_about():
    selector = RepresentativeSelector(lambda item: np.array([WHERE[item.start]]))
    assert isinstance(selector, Selector)
    # Squared distances to all others: of 10 they sum to 1145, of 11 to 1124, of any other one to more.
    first, second, third = ids(selector.select(POOL, 3))
    assert (first, second) == ("4", "5")
    # Of what is left, 1 takes 100 + 100 + 81 of the distances away and leaves two of one.
    assert third == "1"
    assert sorted(ids(selector.select(POOL, 99))) == sorted(ids(POOL))
    assert list(selector.select([], 3)) == list(selector.select(POOL, 0)) == []


def test_numbers_of_another_unit_count_alike():
    where = {number: np.array([at, 1000.0 * (number % 2)]) for number, at in enumerate(WHERE)}
    metres = RepresentativeSelector(lambda item: where[item.start])
    kilometres = RepresentativeSelector(lambda item: where[item.start] / np.array([1, 1000.0]))
    assert ids(metres.select(POOL, 3)) == ids(kilometres.select(POOL, 3))


def test_a_question_lies_where_its_items_do_and_by_how_they_differ():
    near, far = (Item("line", 1, 2), Item("line", 1, 2)), (Item("line", 0, 1), Item("line", 2, 3))
    pool = [Query("near", "pair", near), Query("again", "pair", near), Query("far", "pair", far)]
    chosen = RepresentativeSelector(lambda item: np.array([WHERE[item.start]])).select(pool, 2)
    assert ids(chosen) == ["near", "far"]
