# Every target sets up what it needs; a fresh clone with Python 3.11+ and pip is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TEST_JOBS ?= auto
PYTEST = $(BIN)/python -m pytest -n $(TEST_JOBS) --dist worksteal
export PYTHONHASHSEED := 0

.DEFAULT_GOAL := help
.PHONY: help setup run test quick lint check bench docs browser

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(READY) ## fill .venv with the package, its extras and the tools
$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tiltwise needs Python 3.11 or newer; run make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet -e '.[research]' --group dev
	$(BIN)/tiltwise doctor --warmup
	@touch $(READY)

run: $(READY) ## hold every published claim against the evidence, on real data
	$(BIN)/tiltwise claims

browser: # pages are tested in a real browser where one can be had
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
	  || echo "no chromium and no right to install it: browser tests will be skipped"

test: $(READY) browser ## run all tests and name the slowest
	$(PYTEST) --durations=25

quick: $(READY) browser ## run the tests that take no long time (under three minutes)
	$(PYTEST) -m 'not slow'

lint: $(READY) ## ruff, its formatter and mypy --strict
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

check: lint test ## lint, types and tests: what must be green

bench: $(READY) ## measure speed against other libraries (they go to .venv-peers)
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	.venv-peers/bin/python -m pip install --quiet -e . --group peers
	for script in benchmarks/[a-z]*.py; do case $$script in */harness.py) ;; *) .venv-peers/bin/python $$script ;; esac; done

docs: $(READY) ## run every example in README and docs
	$(BIN)/python -m pytest -q tests/unit/test_documents.py
