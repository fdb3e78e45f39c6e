"""Wrong tokens are counted, by address, and not without end."""

from robopref.web.attempts import Attempts


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_address_waits_until_its_first_mistake_is_a_minute_old() -> None:
    clock = Clock()
    attempts = Attempts(each=3, clock=clock)
    for clock.now in (0.0, 10.0, 20.0):
        assert attempts.failed("10.0.0.1") == 0
    assert attempts.failed("10.0.0.1") == 40  # 0 + 60 - 20
    assert attempts.failed("10.0.0.2") == 0
    clock.now = 71.0
    assert attempts.failed("10.0.0.1") == 0  # two of the minute, at 20 s


def test_few_are_remembered_and_no_address_waits_for_another() -> None:
    attempts = Attempts(each=3, altogether=5, clock=Clock())
    for number in range(50):
        assert attempts.failed(f"10.0.0.{number}") == 0
    assert len(attempts._failed) == 5


def test_a_network_of_one_person_is_one_address() -> None:
    attempts = Attempts(each=1)
    for one, other in (
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::9"), ("::ffff:10.0.0.1", "10.0.0.1"), ("fe80::1%eth0", "fe80::2%eth0"),
        ("a" * 9999, "a" * 64),
    ):  # fmt: skip
        assert attempts.failed(one) == 0
        assert attempts.failed(other) > 0
    assert attempts.failed("2001:db8:0:2::1") == 0
