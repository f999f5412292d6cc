# Needs python3 (3.10 or newer) with venv and pip; everything else goes into .venv.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint kernels

demo: .venv/demo.stamp kernels
	$(BIN)/python benchmarks/demo.py

test: .venv/test.stamp kernels
	$(BIN)/python -m pytest -q

lint: .venv/test.stamp kernels
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Does nothing where the library is of these sources.
kernels: | .venv/bin/python
	$(BIN)/python inrcodec/kernels/build.py

# One stamp for each set of extras, renewed when the requirements change.
.venv/%.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[$*]'
	touch $@

.venv/bin/python:
	$(PYTHON) -m venv .venv
