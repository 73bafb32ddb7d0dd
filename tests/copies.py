"""Tests side by side in copies of one process, so that all is imported and collected once: `pytest --copies 2`.

Collecting takes as long as hundreds of tests do, and workers that are started afresh do it each for themselves. A
copy starts with what is there, takes a file, or a part of a long one, whenever it has none left, and says what became
of each test; the process that was copied reports it as if it had run it itself.
"""

import itertools
import json
import multiprocessing
import os
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import pytest

MOST = 60  # tests of a file that go together, as what they share would be made again elsewhere
NUMBER = 4  # bytes


def parts(items: list[pytest.Item]) -> list[list[pytest.Item]]:
    """The tests in their order, some of one file at a time."""
    files = (list(group) for _, group in itertools.groupby(items, key=lambda item: item.path))
    return [file[start : start + MOST] for file in files for start in range(0, len(file), MOST)]


class Copy:
    """What a copy does: it runs tests, and tells instead of printing."""

    def __init__(self, session: pytest.Session, tasks: int, told: Connection) -> None:
        self.session, self.tasks, self.told = session, tasks, told

    def run(self) -> None:
        """Runs tests until none is left for anybody."""
        plugins = self.session.config.pluginmanager
        plugins.unregister(name="terminalreporter")
        captured = plugins.getplugin("capturemanager")
        captured.stop_global_capturing()  # its files would be those of all copies
        captured.start_global_capturing()
        plugins.register(self)
        for item, after in itertools.pairwise(itertools.chain(self.mine(), [None])):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        self.session.config._ensure_unconfigure()

    def mine(self) -> Iterator[pytest.Item]:
        """The tests that fall to this copy."""
        every = parts(self.session.items)
        while number := os.read(self.tasks, NUMBER):
            yield from every[int.from_bytes(number)]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.told.send_bytes(json.dumps(nodeid).encode())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        config = self.session.config
        said = config.hook.pytest_report_to_serializable(config=config, report=report)
        self.told.send_bytes(json.dumps(said).encode())


def side_by_side(session: pytest.Session, copies: int) -> None:
    """Runs the collected tests in that many copies of this process."""
    tasks, queue = os.pipe()
    os.set_blocking(queue, False)  # thousands fit in: more would be an error, not a wait for nobody
    os.write(queue, b"".join(number.to_bytes(NUMBER) for number in range(len(parts(session.items)))))
    os.close(queue)
    fork, running = multiprocessing.get_context("fork"), {}
    for _ in range(copies):
        hear, tell = fork.Pipe(duplex=False)
        process = fork.Process(target=Copy(session, tasks, tell).run)
        process.start()
        tell.close()
        running[hear] = process
    try:
        _listen(session, running)
    finally:
        for process in running.values():
            process.terminate()


def _listen(session: pytest.Session, running: dict[Connection, BaseProcess]) -> None:
    config, last = session.config, {}
    while running:
        for hear in wait(list(running)):
            try:
                said = json.loads(hear.recv_bytes())
            except EOFError:
                _ended(running.pop(hear), last.get(hear))
                continue
            if isinstance(said, str):
                last[hear] = said
                continue
            report = config.hook.pytest_report_from_serializable(config=config, data=said)
            if isinstance(report.longrepr, list):  # where and why a test was skipped: JSON knows no tuples
                report.longrepr = tuple(report.longrepr)
            config.hook.pytest_runtest_logreport(report=report)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)


def _ended(process: BaseProcess, test: str | None) -> None:
    process.join()
    if process.exitcode:
        name = signal.Signals(-process.exitcode).name if process.exitcode < 0 else process.exitcode
        raise pytest.UsageError(f"A copy of the process must run its tests to the end, got {name} in {test}.")
