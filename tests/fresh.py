"""Fresh processes without their price: copies of one that has imported the package, and has done nothing else."""

import json
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from tests import budget

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = """
import json, os, sys, traceback
import genzoo, genzoo.apps.cli, genzoo.models, genzoo.training.loop, genzoo.zoo.run
genzoo.read, genzoo.train, genzoo.load

def run(code, words, said, told):
    for path, number in ((said, 1), (told, 2)):
        os.dup2(os.open(path, os.O_WRONLY), number)
    sys.argv, status = ["-c", *words], 0
    try:
        exec(compile(code, "fresh", "exec"), {"__name__": "__main__"})
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)

for line in sys.stdin:
    child = os.fork() or run(*json.loads(line))
    _, status, used = os.wait4(child, 0)
    print(json.dumps([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime]), flush=True)
"""


class Fresh:
    """Runs programs, each in a process of its own; called with code and its arguments."""

    def __init__(self) -> None:
        environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", TEMPLATE]
        self.process = subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=environment)

    def __call__(self, code: str, *words: object) -> subprocess.CompletedProcess[str]:
        """What came of a program: its exit code, what it said and what it told of errors."""
        with tempfile.NamedTemporaryFile("r") as said, tempfile.NamedTemporaryFile("r") as told:
            assert self.process.stdin is not None
            assert self.process.stdout is not None
            task = [textwrap.dedent(code), [str(word) for word in words], said.name, told.name]
            print(json.dumps(task), file=self.process.stdin)
            self.process.stdin.flush()
            ended, seconds = json.loads(self.process.stdout.readline())
            budget.elsewhere += seconds
            return subprocess.CompletedProcess(code, ended, said.read(), told.read())

    def close(self) -> None:
        """Ends the template."""
        self.process.communicate()
