"""The budget of tests: it counts by file and by instance, and is no matter of the machine."""

from tests.budget import FILE, INSTANCE, Clock, Ledger, loop


def test_files_and_instances_are_counted_and_told() -> None:
    ledger = Ledger()
    for seconds in (FILE / 2, FILE / 4):
        ledger.add("tests/data/test_read.py::test_a", seconds)
    ledger.add("tests/conformance/test_promises.py::test_it_trains[vae]", INSTANCE - 1)
    assert not ledger.over()
    ledger.add("tests/conformance/test_promises.py::test_the_contract_holds[vae]", 1.5)
    ledger.add("tests/data/test_read.py::test_b", FILE / 2)
    assert [line.split(" took ")[0] for line in ledger.over()] == ["tests/data/test_read.py", "vae"]


def test_time_is_counted_in_units_of_a_loop() -> None:
    clock = Clock()
    clock.begin()
    assert clock.unit >= 1
    loop()
    fast = clock.end()
    clock.unit *= 4
    clock.begin()
    loop()
    assert 0 < clock.end() < fast
