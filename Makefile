# `make run` and `make test` need Python 3.11 or newer and make, nothing else.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
LOCAL := $(PY) -m wildmind.local
# A missing or broken interpreter makes the stamps worthless, whatever their date.
READY := $(if $(wildcard $(PY)),,FORCE)
LOCKS := requirements.txt requirements-local.txt requirements-bootstrap.txt scripts/setup
UV = $(shell command -v uv || echo $(VENV)/bin/uv)
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
PYTEST_WORKERS ?= 2
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup run services worker test test-long test-fast lint types fix lock bench bench-smoke chaos load schema clean FORCE

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

$(VENV)/.stamp-run: $(LOCKS) $(READY)
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "$(PYTHON) was not found. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) scripts/setup run

$(VENV)/.stamp-dev: $(LOCKS) requirements-dev.txt $(READY)
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "$(PYTHON) was not found. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) scripts/setup dev

setup: $(VENV)/.stamp-dev ## the virtual environment with everything for run and test

run: $(VENV)/.stamp-run ## everything on this machine: http://127.0.0.1:8000
	@exec $(LOCAL) run

services: $(VENV)/.stamp-run ## PostgreSQL and Valkey only
	@exec $(LOCAL) services

worker: $(VENV)/.stamp-run ## one more worker for the `make run` in another terminal
	@exec $(PY) -m wildmind.local worker

test: $(VENV)/.stamp-dev lint types ## every check and every test but the long ones, on servers of its own
	@WILDMIND_BROWSER="$$($(PY) scripts/browser || true)"; export WILDMIND_BROWSER; \
	exec $(LOCAL) exec -- $(PY) -m pytest -n $(PYTEST_WORKERS) $(ARGS)

test-long: $(VENV)/.stamp-dev ## minutes of real processes: several of each, watchers, chaos
	@exec $(LOCAL) exec -- $(PY) -m pytest -m long $(ARGS)

test-fast: $(VENV)/.stamp-dev ## the tests without whole stacks and browsers
	@exec $(LOCAL) exec -- $(PY) -m pytest -n $(PYTEST_WORKERS) -m "not stack and not browser" $(ARGS)

lint: $(VENV)/.stamp-dev ## style and import contracts
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -c "from importlinter.cli import lint_imports_command as main; main()"

types: $(VENV)/.stamp-dev ## static types
	@DATABASE_URL=postgresql:///unused $(PY) -m mypy  # the Django plugin reads settings, and asks no database

fix: $(VENV)/.stamp-dev ## what the linters can mend themselves
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

lock: $(VENV)/.stamp-dev ## the locks anew from requirements*.in
	@$(COMPILE) requirements.in -o requirements.txt $(ARGS)
	@$(COMPILE) requirements-sqs.in -o requirements-sqs.txt $(ARGS)
	@$(COMPILE) requirements-local.in -o requirements-local.txt $(ARGS)
	@$(COMPILE) requirements-dev.in -o requirements-dev.txt $(ARGS)

bench: $(VENV)/.stamp-dev ## the benchmarks; one of them: make bench NAME=...
	@exec $(PY) -m bench $(NAME) $(ARGS)

bench-smoke: $(VENV)/.stamp-dev ## that the benchmarks run at all
	@exec $(PY) -m bench --smoke $(ARGS)

chaos: $(VENV)/.stamp-dev ## jobs while things break, and the proof; one fault: make chaos ARGS="--fault kill-runner --jobs 200"
	@exec $(PY) -m bench.chaos $(ARGS)

load: $(VENV)/.stamp-dev ## 500 jobs at once against a provider that takes 3 seconds
	@exec $(PY) -m bench.waits $(ARGS)

schema: $(VENV)/.stamp-dev ## docs/openapi.yaml anew
	@exec $(LOCAL) exec -- $(PY) manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

clean: ## caches and the virtual environment; the data in .local stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "Your data is still in $${WILDMIND_DATA_DIR:-.local}."

FORCE:
