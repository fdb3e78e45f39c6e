"""Wrong tokens cannot be tried without end."""

from robopref.web.attempts import Attempts


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_address_waits_until_its_first_mistake_is_a_minute_old() -> None:
    clock = Clock()
    attempts = Attempts(each=3, clock=clock)
    for clock.now in (0.0, 10.0, 20.0):
        assert attempts.wait("10.0.0.1") == 0
        attempts.failed("10.0.0.1")
    assert attempts.wait("10.0.0.1") == 40  # 0 + 60 - 20
    assert attempts.wait("10.0.0.2") == 0
    clock.now = 60.0
    assert attempts.wait("10.0.0.1") == 0
    attempts.failed("10.0.0.1")
    assert attempts.wait("10.0.0.1") == 10  # 10 + 60 - 60


def test_all_addresses_together_wait_as_well_and_few_are_remembered() -> None:
    clock = Clock()
    attempts = Attempts(each=3, altogether=5, clock=clock)
    for number in range(50):
        if attempts.wait(f"10.0.0.{number}") == 0:
            attempts.failed(f"10.0.0.{number}")
    assert attempts.wait("192.168.0.1") == 60
    assert len(attempts._failed) == 5
    clock.now = 60.5
    assert attempts.wait("192.168.0.1") == 0


def test_a_network_of_one_person_is_one_address() -> None:
    attempts = Attempts(each=1)
    attempts.failed("2001:db8:0:1::1")
    assert attempts.wait("2001:db8:0:1:ffff::9") > 0
    assert attempts.wait("2001:db8:0:2::1") == 0
    attempts.failed("::ffff:10.0.0.1")
    assert attempts.wait("10.0.0.1") > 0
    attempts.failed("fe80::1%eth0")
    assert attempts.wait("fe80::2%eth0") > 0
    attempts.failed("a" * 9999)
    assert attempts.wait("a" * 64) > 0
