# Everything needs only git, make and Python 3.11 or newer; the rest is installed into .venv, in exact versions.

PYTHON ?= python3
BIN := .venv/bin
ONCE ?=
PYTEST_ARGS ?=

.PHONY: demo up test bench check clean

demo: .venv/installed  ## sample orders, a day's timed steps as real flow runs; ONCE=1 ends after the table
	$(BIN)/kefu demo $(if $(ONCE),--once)

up: .venv/installed  ## the real thing, until Ctrl-C
	$(BIN)/kefu up

test: .venv/installed
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadgroup $(PYTEST_ARGS)

bench: .venv/installed
	$(BIN)/python -m tests.benchmarks

check: .venv/installed  ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf .venv .kefu

# Also when the checkout was moved: a virtual environment holds its own place.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "kefu needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@
