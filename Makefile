# Every target works on a fresh machine with Python >= 3.11 and make: it makes .venv and installs the hashed lock file.
PYTHON ?= python3
REAL_DATA ?= ../shared/data
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := data/demo

export OMP_WAIT_POLICY := passive
export GOMP_SPINCOUNT := 1000
export OPENBLAS_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help setup train evaluate test test-real check docs bench lock clean

help:  ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY)  ## Make .venv and install what the lock file names

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

train: $(READY)  ## Rebuild data/demo from nothing: simulate a shop, learn, evaluate, report
	rm -rf $(DEMO)
	$(BIN)/recsys simulate --config configs/demo.toml --home $(DEMO)
	$(BIN)/recsys train --config configs/demo.toml --home $(DEMO) --as-of 2024-06-29 --out $(DEMO)/models/latest
	$(BIN)/recsys evaluate --config configs/demo.toml --home $(DEMO) --out $(DEMO)/reports/latest

evaluate: $(READY)  ## Evaluate the demo again and rewrite its report
	$(BIN)/recsys evaluate --config configs/demo.toml --home $(DEMO) --out $(DEMO)/reports/latest

test: $(READY)  ## Run the tests and print branch coverage of src
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term:skip-covered --cov-fail-under=95 -m "not real_data and not slow"

test-real: $(READY)  ## Run the checks on real datasets (REAL_DATA=folder)
	REAL_DATA="$(abspath $(REAL_DATA))" $(BIN)/python -m pytest -m real_data --no-header -rs

check: $(READY)  ## Lint, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)  ## Write docs/settings.md and docs/features.md anew from the code
	$(BIN)/python -m reference

bench: $(READY)  ## Measure speed and memory against named baselines (REAL_DATA=folder)
	$(BIN)/python -m benchmarks.ingest
	$(BIN)/python -m benchmarks.simulate
	$(BIN)/python -m benchmarks.state_update
	$(BIN)/python -m benchmarks.evaluate_million
	$(BIN)/python -m benchmarks.score_users
	$(BIN)/python -m benchmarks.warm_start
	if [ -d "$(REAL_DATA)" ]; then $(BIN)/python -m benchmarks.real_cutoffs "$(REAL_DATA)"; fi

lock: $(READY)  ## Resolve the dependencies anew into requirements.lock
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --extra dev --generate-hashes --allow-unsafe --strip-extras \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file requirements.lock pyproject.toml

clean:  ## Remove the demo and every cache; keeps your own homes under data/
	rm -rf $(VENV) $(DEMO) build *.egg-info src/*.egg-info .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
