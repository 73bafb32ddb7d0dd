"""The budget of tests: it counts by file and by instance, and is no matter of the machine."""

import pytest

from tests import budget
from tests.budget import FILE, INSTANCE, LONG, WHOLE, Ledger, loop


def test_files_and_instances_are_counted_and_told() -> None:
    ledger = Ledger()
    for seconds in (FILE / 2, FILE / 4):
        ledger.add("tests/data/test_read.py::test_a", seconds)
    ledger.add("tests/conformance/test_promises.py::test_it_trains[vae]", INSTANCE - 1)
    assert not ledger.over()
    ledger.add("tests/conformance/test_promises.py::test_the_contract_holds[vae]", 1.5)
    ledger.add("tests/data/test_read.py::test_b", FILE / 2)
    assert [line.split(" took ")[0] for line in ledger.over()] == ["tests/data/test_read.py", "vae"]
    assert len(ledger.over(slack=1.2)) == 1, "the file alone took 1.25 times its budget"
    (name, seconds) = next(iter(LONG.items()))
    ledger.add(f"{name}::test_a", seconds - 1)
    assert len(ledger.over()) == 2
    for number in range(round(WHOLE / FILE) + 1):
        ledger.add(f"tests/data/test_{number}.py::test_a", FILE - 1)
    assert ledger.over()[0].startswith("all tests took ")


def test_time_is_counted_in_units_of_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that takes four times as long, a fourth of the time counts; one that is faster gets no less."""
    now = [0.0]
    monkeypatch.setattr(budget, "spent", lambda: now[0])
    for slower, counted in ((4.0, 2.0), (0.5, 8.0)):
        monkeypatch.setattr(budget, "loop", lambda slower=slower: slower * budget.REFERENCE)
        clock = budget.Clock()
        clock.begin()
        now[0] += 8.0
        assert clock.end() == pytest.approx(counted)
    assert loop() > 0
