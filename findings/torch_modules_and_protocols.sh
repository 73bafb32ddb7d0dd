#!/usr/bin/env bash
# Python 3.12 and torch: what a module holds is seen by hasattr, and not by isinstance with a runtime protocol.
#
# What one expects: a protocol that is runtime_checkable and has a member `net` is met by whatever has one; the
# documentation of typing says that isinstance checks that the members are there, as hasattr would.
# What happens: parameters, buffers and submodules of a torch.nn.Module stand in dictionaries of their own and are found
# by __getattr__. Python 3.11 looked for a member with hasattr and found them; from 3.12 on it looks with
# inspect.getattr_static, which never calls __getattr__. So isinstance turns from True to False with the interpreter, for
# the same torch and the same code, and nothing is said; a plain attribute of the same module is still seen, and moving a
# number into a buffer, so that it follows the module to another device, makes the module cease to be what it was.
# Where it is met: code that asks a model by a protocol what it can do, as `isinstance(model, HasEncoder)`.
# genzoo asks by hasattr (`genzoo._like`), and a test keeps isinstance with protocols out of its sources.
#
# Seen with torch 2.13.0 under Python 3.11.7 and 3.12.1, for a plain attribute, a parameter, a buffer and a submodule:
#   torch 2.13.0 python 3.11 hasattr True True True True isinstance True True True True
#   torch 2.13.0 python 3.12 hasattr True True True True isinstance True False False False
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
cat > members.py <<'PYTHON'
import sys
from typing import Any, Protocol, runtime_checkable

import torch


@runtime_checkable
class HasPlain(Protocol):
    plain: Any


@runtime_checkable
class HasWeight(Protocol):
    weight: Any


@runtime_checkable
class HasMean(Protocol):
    mean: Any


@runtime_checkable
class HasNet(Protocol):
    net: Any


class Module(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.plain = 1.0
        self.weight = torch.nn.Parameter(torch.ones(2))
        self.register_buffer("mean", torch.zeros(2))
        self.net = torch.nn.Linear(2, 2)


module = Module()
had = [hasattr(module, name) for name in ("plain", "weight", "mean", "net")]
met = [isinstance(module, protocol) for protocol in (HasPlain, HasWeight, HasMean, HasNet)]
print("torch", torch.__version__, "python", ".".join(map(str, sys.version_info[:2])), "hasattr", *had, "isinstance", *met)
assert all(had)
assert met == [True, *[sys.version_info < (3, 12)] * 3], "Python or torch has changed: look again"
PYTHON
tried=0
for python in python3.11 python3.12; do
    command -v "$python" > /dev/null && "$python" -c "" || continue
    "$python" -m venv "$home/$python"
    "$home/$python/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0
    "$home/$python/bin/python" members.py
    tried=$((tried + 1))
done
test "$tried" = 2 || { echo "needs python3.11 and python3.12 on the path, found $tried of them" >&2; exit 2; }
