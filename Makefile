# Needs python3 (3.10 or newer) with venv and pip; everything else goes into .venv.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint

demo: .venv/demo.stamp
	$(BIN)/python benchmarks/demo.py

test: .venv/test.stamp
	$(BIN)/python -m pytest -q

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# One stamp for each set of extras, renewed when the requirements change.
.venv/%.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[$*]'
	touch $@

.venv/bin/python:
	$(PYTHON) -m venv .venv
