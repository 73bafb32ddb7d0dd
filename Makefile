# Two commands do everything on a fresh machine: `make demo` and `make test`.
# Each makes the environment it needs in .venv; a stamp keyed on pyproject.toml and constraints.txt skips that later.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
SHELL := /bin/sh

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
KEY := $(shell cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1)
READY := $(VENV)/.ready-$(KEY)

# Torch goes in first and pinned: the newest release would bring several GB of GPU libraries.
define install
	@echo "Installing $(2) into $(VENV) …"
	@$(PIP) $(1) || { $(unreachable); exit 1; }
endef

define unreachable
	echo >&2; \
	echo "error: pip could not install into $(VENV); its own message is above." >&2; \
	echo "cause: usually no connection to a package index, or an index without these versions." >&2; \
	echo "fix:   check the connection or pip's settings (pip config list), then run the same command again." >&2
endef

.PHONY: help demo test lint types contracts pytest bench docs golden faults supply studio clean

help:  ## show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(READY)-base  ## train and compare the models on embedded data; writes runs/demo/report.html
	@OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m genzoo demo

test: lint types contracts pytest  ## lint, types, import contracts, tests and doctests

lint: $(READY)-dev  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)-dev  ## mypy
	$(BIN)/mypy

contracts: $(READY)-dev  ## imports go downwards only
	$(BIN)/lint-imports --no-logo --cache-dir .import_linter_cache

pytest: $(READY)-dev  ## tests and doctests alone
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q --copies $(WORKERS)

bench: $(READY)-dev  ## speed beside a bare loop (and beside peers, where a benchmark has them)
	@for file in $$(grep -l __main__ benchmarks/*.py | grep -Ev "chains|determinism|faults|fuzzed|guided|hosts|hostile|memory|mutations|reliability|strangers|supply"); do \
		echo "$$file"; $(BIN)/python -m benchmarks.$$(basename $$file .py) || exit 1; \
	done

docs: $(READY)-docs  ## build the documentation into docs/_build/html; warnings are errors
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

golden: $(READY)-oracles  ## ask the oracles again and freeze their answers in tests/golden
	@if [ -f tests/golden/__main__.py ]; then $(BIN)/python -m tests.golden; \
	else echo "No test asks an oracle yet: nothing to freeze."; fi

faults: $(READY)-dev  ## kill trainings, resume, compare bit for bit; read hostile files; fill memory; docs/reliability.md
	@for name in faults memory hostile determinism reliability; do $(BIN)/python -m benchmarks.$$name || exit 1; done

supply: $(READY)-dev  ## build wheel and source archive into dist/, with a bill of materials and the licences of all needs
	$(BIN)/python -m hatchling build -d dist
	$(BIN)/python -m pip check
	$(BIN)/python -m benchmarks.supply

studio: $(READY)-dev  ## walk through the studio's page in a headless Chromium; pictures of it go to build/walk
	$(BIN)/python -m experiments.studio_walk --out build/walk

clean:  ## remove caches and builds; runs/ and the environment stay
	rm -rf build dist docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY)-base:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "error: genzoo needs Python 3.11 or newer, got $$($(PYTHON) --version 2>&1 || echo none)." >&2; \
		echo "fix:   name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV) || { \
		echo "error: $(PYTHON) could not make an environment in $(VENV)." >&2; \
		echo "fix:   install its venv module (on Debian: apt install python3-venv)." >&2; exit 1; }
	$(call install,torch==2.13.0,PyTorch (a minute or more))
	$(call install,-e .,genzoo and what it needs)
	@rm -f $(VENV)/.ready-* && touch $@

$(READY)-%: $(READY)-base
	$(call install,-e '.[$*]',the tools for '$*')
	@touch $@
