"""What tests may cost, as functions may have so many lines: processor time by file, by instance of the zoo, and all.

Seconds are those of the machine on which the budgets were set: each process times a loop of its own now and then, and
counts in its units, so that a slower machine, or one that is shared, does not break them. What a test's child
processes spend counts too.
"""

import collections
import os
import re
import time

import torch

FILE, INSTANCE, WHOLE = 30.0, 3.0, 950.0  # about half as much again as what is needed
LONG = {
    "tests/test_docs.py": 90.0,  # every page is run
    "tests/experiments/test_lectures.py": 150.0,  # every figure of five lectures is drawn
    "tests/zoo_tests/test_columns.py": 30.0,  # every recipe meets every kind of column
}
SLACK = 1.4  # times its budget may be taken before tests fail: a shared machine is told of, and stops nobody
REFERENCE = 0.012  # seconds of the loop, where it has the processor to itself
AGAIN = 10.0  # seconds after which it is timed again
CONFORMANCE = re.compile(r"^tests/conformance/.*\[(.+)\]$")


elsewhere = 0.0  # processor seconds of programs that ran in copies of another process


def spent() -> float:
    """Processor seconds of this process and of those of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system + elsewhere


def loop() -> float:
    """Seconds of some arithmetic: half in Python, half in small tensors."""
    start, total, x = time.process_time(), 0, torch.ones(32, 32)
    for i in range(60_000):
        total += i * i
    for _ in range(600):
        x = x @ x / 32
    return time.process_time() - start


class Clock:
    """Processor time in seconds of the reference machine."""

    def __init__(self) -> None:
        self.unit, self.timed, self.start = 1.0, -AGAIN, 0.0

    def begin(self) -> None:
        if spent() - self.timed >= AGAIN:
            self.unit, self.timed = max(1.0, min(loop() for _ in range(3)) / REFERENCE), spent()
        self.start = spent()

    def end(self) -> float:
        return (spent() - self.start) / self.unit


class Ledger:
    """Who spent how much."""

    def __init__(self) -> None:
        self.files: collections.Counter[str] = collections.Counter()
        self.instances: collections.Counter[str] = collections.Counter()
        self.whole: collections.Counter[str] = collections.Counter()

    def add(self, test: str, seconds: float) -> None:
        """Counts a test by its name, tests/folder/file.py::function[instance]."""
        self.whole["all tests"] += seconds
        if found := CONFORMANCE.match(test):  # whose files grow with the zoo
            self.instances[found[1]] += seconds
        else:
            self.files[test.split("::")[0]] += seconds

    def over(self, slack: float = 1.0) -> list[str]:
        """A sentence for each file and each instance that is over its budget, and for all together.

        Args:
            slack: Times a budget that are no matter yet.
        """
        accounts = ((self.whole, WHOLE), (self.files, FILE), (self.instances, INSTANCE))
        return [
            f"{name} took {seconds:.1f} s of processor time, and may take {LONG.get(name, budget):g}: "
            "try fewer cases, share what is trained, or divide it."
            for account, budget in accounts
            for name, seconds in account.most_common()
            if seconds > slack * LONG.get(name, budget)
        ]
