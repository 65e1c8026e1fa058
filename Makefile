# The workshop of Tandem: `make help` lists what there is. Every target sets up .venv first if it
# has to, with a Python that it finds itself, whatever environment is active.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

# An active environment must not leak into ours.
unexport VIRTUAL_ENV VIRTUAL_ENV_PROMPT PYTHONPATH PYTHONHOME PYTHONSAFEPATH PYTHONUSERBASE
unexport PYTHONDONTWRITEBYTECODE PYTHONOPTIMIZE PYTHONWARNINGS PYTHONHASHSEED
unexport CONDA_PREFIX CONDA_DEFAULT_ENV PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV

BIN := .venv/bin
READY := .venv/.ready
CLIENT := clients/python
CODE := $(wildcard services simulators $(CLIENT)/src stack tools tests)
IMAGE := protos/baseline.binpb

# Broker variables and Tandem's own settings stay out of the demo, the tests and the simulated
# stack; only `make run PAPER=1`, said on the command line, lets them through.
SCRUBBED := $(filter ALPACA_% APCA_% IB_% TANDEM_% TWS_%,$(.VARIABLES))
SCRUB := env $(addprefix -u ,$(SCRUBBED))
SEEDS ?= 0:100
PAPER_ASKED := $(and $(filter command line,$(origin PAPER)),$(filter 1,$(PAPER)))

.PHONY: help
help: ## Show this help
	@awk 'BEGIN { FS = ":.*## "; print "make <target>\n" } \
	  /^## / { printf "\n%s\n", substr($$0, 4) } \
	  /^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' Makefile
	@printf '\nPYTHON=<path>    make .venv with that Python (3.11 to 3.13)\n'
	@printf 'ARGS=<arguments> pass more arguments to pytest or the stack\n'

## Use it

.PHONY: demo
demo: $(READY) ## Act the whole story of one order on a simulated market, then stop
	@$(SCRUB) $(BIN)/python -m stack demo $(ARGS)

.PHONY: run
run: $(READY) ## Keep the simulated stack up in the foreground (PAPER=1: a real paper account)
	@$(if $(PAPER_ASKED),,$(SCRUB)) $(BIN)/python -m stack run $(if $(PAPER_ASKED),--paper) $(ARGS)

## Work on it

.PHONY: test
test: $(READY) ## Run the tests
	@$(SCRUB) $(BIN)/python -m pytest -n auto --maxprocesses=4 $(ARGS)

.PHONY: simulate
simulate: $(READY) ## Act random schedules in virtual time (SEEDS=0:100, or SEED=7 to replay one)
	@$(SCRUB) $(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(SEEDS)) $(ARGS)

.PHONY: check
check: lint types imports generate-check buf ## Run every check that is not a test

.PHONY: format
format: $(READY) ## Put the code into the house format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --select I --fix --quiet .

.PHONY: generate
generate: $(READY) ## Write the stubs of protos/ anew
	@$(BIN)/python tools/generate.py

.PHONY: docs
docs: $(READY) ## Write the parts of docs/ that come from the code
	@$(BIN)/python tools/write_docs.py

.PHONY: baseline
baseline: $(READY) ## Release step: take protos/ as the contract that later ones must not break
	@$(BIN)/buf build protos -o $(IMAGE)

.PHONY: clean
clean: ## Remove .venv, caches and build output; journals in var/ stay
	@rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@rm -rf *.egg-info $(CLIENT)/build $(CLIENT)/src/*.egg-info
	@find $(CODE) -type d -name __pycache__ -prune -exec rm -rf {} +

## Single checks

.PHONY: lint
lint: $(READY) ## Check style and format (ruff)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

.PHONY: types
types: $(READY) ## Check types, strictly (mypy)
	@$(BIN)/mypy $(CODE)

.PHONY: imports
imports: $(READY) ## Check that imports point downward (import-linter)
	@$(BIN)/lint-imports --no-logo

.PHONY: generate-check
generate-check: $(READY) ## Check that the committed stubs are what protos/ says
	@$(BIN)/python tools/generate.py --check

.PHONY: buf
buf: $(READY) ## Lint the protos and compare them with the released contract (buf)
	@$(BIN)/buf lint protos
	@$(BIN)/buf format protos --diff --exit-code
	@$(BIN)/buf breaking protos --against $(IMAGE)

## Set-up, done by every target that needs it

.PHONY: setup
setup: $(READY) ## Make .venv and install everything into it

# Runs once, and again when one of these files has changed or a Python is named.
$(READY): constraints.txt pyproject.toml $(CLIENT)/pyproject.toml $(if $(PYTHON),named-python)
	@python=$$(tools/find_python.sh $(if $(PYTHON),"$(PYTHON)")) && \
	  "$$python" tools/set_up.py $(if $(PYTHON),--this-python)

.PHONY: named-python
named-python:
