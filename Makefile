# Everything is done by the command `idemflow`; this file only sets up an environment and calls it.
#
#   make run     set everything up, run the pipeline `people` three times, prove that the result is the same
#   make test    set everything up, run all tests
#   make unit    run the tests that need no server: under a minute
#   make soak    random runs, edits, replays and kills against a model for half an hour
#   make prove   do to the three shipped pipelines what production does, with three seeds, and judge them
#   make compat  NiFi with another PutElasticsearchJson under a canvas, and back
#   make down    stop the servers
#   make screenshots   take the pictures in README and docs anew
#   make lint    check style and types
#   make lock    resolve the runtime's artifacts anew and write nifi/artifacts.toml
#   make clean   stop the servers and delete what was made in this folder

PYTHON ?= python3
# How many processes share the tests; each has a NiFi and an Elasticsearch of its own (2.5 GB). The
# last of three or more begins with the tests that need none.
WORKERS ?= 3
# How long `make soak` takes new steps, and the seed of a failure whose steps it is to take again.
SECONDS ?= 1800
SEED ?=
# The seeds of `make prove`, and where its journals and its page go.
SEEDS ?= 1 2 3
PROOFS := build/proofs
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest

# With bytecode, whatever the shell says: the tests call the command in hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test unit soak prove compat up down screenshots lint lock tools clean

run: .venv/installed
	@$(BIN)/idemflow up
	@$(BIN)/idemflow run people --times 3
	@$(BIN)/idemflow verify people
	@$(BIN)/idemflow open

# A kill that came too late, or a page that was drawn late, says nothing of the product: what failed
# beside the others is tried once more, alone, and both outputs are shown. What fails twice is red.
test: .venv/installed-dev tools
	@$(PYTEST) --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder || { test $$? = 1 \
	  && printf '\n%s\n\n' 'Once more, alone, what failed above: a test that passes only here is to be mended, see CONTRIBUTING.md.' \
	  && $(PYTEST) --last-failed --last-failed-no-failures none --maxfail 1; }

unit: .venv/installed-dev
	$(PYTEST) tests/unit -m unit --numprocesses 2 --dist loadfile

soak: .venv/installed-dev
	SOAK_SECONDS=$(SECONDS) SOAK_SEED=$(SEED) $(PYTEST) tests/soak -s

# The quick compiler alone, as in the tests: most of the time NiFi and Elasticsearch start.
prove: export IDEMFLOW_NIFI_JAVA_OPTIONS := -XX:TieredStopAtLevel=1
prove: export IDEMFLOW_ELASTICSEARCH_JAVA_OPTIONS := -XX:TieredStopAtLevel=1
prove: .venv/installed-dev
	@rm -rf $(PROOFS)
	@$(BIN)/idemflow down
	@$(BIN)/idemflow up
	@$(BIN)/idemflow demo-db start
	@code=0; for seed in $(SEEDS); do for pipeline in people orders files; do \
	  $(BIN)/idemflow prove $$pipeline --yes-disturb $$pipeline --seed $$seed \
	    --report $(PROOFS)/$$pipeline-$$seed || code=$$?; \
	done; done; \
	$(BIN)/idemflow down; \
	$(BIN)/idemflow prove show $(PROOFS)/* --page $(PROOFS)/index.html || code=$$?; exit $$code

compat: .venv/installed-dev
	$(PYTEST) tests/compat

up down: .venv/installed
	@$(BIN)/idemflow $@

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

lock: .venv/installed
	$(BIN)/python -m idemflow.supply.lock

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "idemflow needs Python 3.11 or later; set one with: make PYTHON=/path/to/python3 ...")'
	@$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml
	@echo "Installing idemflow into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	@touch $@

.venv/installed-dev: .venv/bin/python pyproject.toml
	@echo "Installing idemflow and what the tests need into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch .venv/installed $@

# Chromium for the browser tests, xmlstarlet for a script of the NiFi Registry image: installed where
# that can be done; elsewhere the tests that need them are skipped and say so.
tools:
	@for tool in chromium xmlstarlet; do \
	  command -v $$tool >/dev/null && continue; \
	  echo "Installing $$tool for the tests"; \
	  { test "$$(id -u)" = 0 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$tool; } \
	    >/dev/null 2>&1 || echo "$$tool cannot be installed here: tests that need it will be skipped."; \
	done

screenshots: .venv/installed-dev tools
	SCREENSHOTS=1 $(PYTEST) tests/browser tests/integration/test_readme.py -k 'picture or commands'

clean:
	@test ! -x $(BIN)/idemflow || $(BIN)/idemflow down
	rm -rf .venv .idemflow build *.egg-info .mypy_cache .ruff_cache .pytest_cache
