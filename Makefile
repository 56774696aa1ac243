# Each goal sets up what it needs: Python 3.11 or newer and a network are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

# One thread a test process, since there is a process a core.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n logical --maxprocesses 8 --dist worksteal

.PHONY: demo test test-slow lint bench docs clean

$(VENV)/.core: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) .
	touch $@

$(VENV)/.test: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) '.[test]'
	touch $@ $(VENV)/.core

$(VENV)/.bench: $(VENV)/.test
	$(INSTALL) '.[bench]'
	touch $@

$(VENV)/.docs: $(VENV)/.core
	$(INSTALL) '.[docs]'
	touch $@

demo: $(VENV)/.core  ## audit the bundled demo set: musicnn-msd beside the controls mfcc and random
	$(BIN)/earwitness audit demo -e musicnn-msd --domain domain --profile quick --out demo-report

lint: $(VENV)/.test
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy

test: lint  ## the checks and every test that is not marked slow
	$(PYTEST) -m "not slow"

test-slow: $(VENV)/.test
	$(PYTEST) -m slow

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks

docs: $(VENV)/.docs
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) demo-report site
