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
IMAGES := router=services/router alpaca-adapter=services/alpaca_adapter \
  ib-adapter=services/ib_adapter simulators=simulators
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
K8S_SETS := base overlays/simulated overlays/paper
K8S_VERSION := 1.37.0

# Broker variables and Tandem's own settings stay out of the demo, the tests and the simulated
# stack; only `make run PAPER=1`, said on the command line, lets them through.
SCRUBBED := $(filter ALPACA_% APCA_% IB_% TANDEM_% TWS_%,$(.VARIABLES))
SCRUB := env $(addprefix -u ,$(SCRUBBED))
SEEDS ?= 100
PAPER_ASKED := $(and $(filter command line,$(origin PAPER)),$(filter 1,$(PAPER)))

.PHONY: help
help: ## Show this help
	@awk 'BEGIN { FS = ":.*## "; print "make <target>\n" } \
	  /^## / { printf "\n%s\n", substr($$0, 4) } \
	  /^[a-z0-9-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' Makefile
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
	@$(SCRUB) $(BIN)/python -m pytest -n auto --maxprocesses=4 -m "not slow" $(ARGS)

.PHONY: test-slow
test-slow: $(READY) ## Run what shows that the checkers can fail, and more schedules
	@$(SCRUB) $(BIN)/python -m pytest -n auto --maxprocesses=4 -m slow $(ARGS)

.PHONY: test-long
test-long: $(READY) ## Run the tests of properties with twenty-five times the examples
	@$(SCRUB) $(BIN)/python -m pytest -n auto --maxprocesses=4 --hypothesis-profile=long \
	  $(or $(ARGS),tests/unit tests/simulators)

.PHONY: simulate
simulate: $(READY) ## Act random schedules in virtual time (SEEDS=100 or 500:600; SEED=7 replays one)
	@$(SCRUB) $(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),\
	  --seeds $(SEEDS) --json build/reports/simulate.json) $(ARGS)

.PHONY: crash
crash: $(READY) ## Kill and stop real processes at every boundary (SEEDS=500, STORE=postgres, SEED=17)
	@$(SCRUB) $(BIN)/python -m tests.crash --store $(or $(STORE),sqlite) $(if $(SEED),--seed $(SEED),\
	  --seeds $(SEEDS) --json build/reports/crash.json) $(ARGS)

.PHONY: conformance
conformance: $(READY) ## Act the conformance cards (VENUE=alpaca, ib or router)
	@$(SCRUB) $(BIN)/python -m tests.conformance --venue $(or $(VENUE),alpaca) $(ARGS)

.PHONY: paper-check
paper-check: $(READY) ## Trade one put on a real paper account, and compare with the simulator
	@$(BIN)/python -m tests.conformance.paper_check --venue $(or $(VENUE),alpaca) $(ARGS)

.PHONY: soak
soak: $(READY) ## Trade 24 hours of open market with a fault every few seconds (HOURS=24 SEED="1 2")
	@$(SCRUB) $(BIN)/python -m tests.simulation.soak --hours $(or $(HOURS),24) \
	  --seeds $(or $(SEED),1) --json build/reports/soak.json $(ARGS)

.PHONY: nights
nights: $(READY) ## Act nights at the simulated Gateway, with faults around its restart (NIGHTS=0:1000)
	@$(SCRUB) $(BIN)/python -m tests.simulation.nights $(if $(SEED),--seed $(SEED),\
	  --seeds $(or $(NIGHTS),0:1000) --json build/reports/nights.json) $(ARGS)

.PHONY: mutants
mutants: $(READY) ## Put each bug of mutants/ into a copy of the code: who sees it? (ONLY=part of a name)
	@$(SCRUB) $(BIN)/python -m tests.mutants --only "$(ONLY)" --json build/reports/mutants.json $(ARGS)

.PHONY: ib-async-check
ib-async-check: $(READY) ## Act a story with ib_async, in its own environment, at the simulated Gateway
	@$(SCRUB) $(BIN)/python -m tools.ib_async_check.check

.PHONY: test-ib-async
test-ib-async: $(READY) ## Act that story, and run the IB adapter's tests on ib_async
	@$(SCRUB) $(BIN)/python -m tools.ib_async_check.check --tests $(ARGS)

.PHONY: check
check: lint types imports generate-check buf k8s-check ## Run every check that is not a test

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

## Deploy it

.PHONY: images
images: ## Build an image of each service (docker, podman or buildah; BUILD_ARGS=<its options>)
	@for builder in docker podman buildah; do $$builder info >/dev/null 2>&1 && break; builder=; done; \
	  test -n "$$builder" || { echo "none of docker, podman and buildah works here" >&2; exit 1; }; \
	  for image in $(IMAGES); do $$builder build $(BUILD_ARGS) -f $${image#*=}/Dockerfile \
	    -t tandem/$${image%%=*}:$(VERSION) . || exit 1; done

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

.PHONY: k8s-check
k8s-check: $(READY) ## Render k8s/ and compare it with Kubernetes' own schemas, strictly
	@mkdir -p build/k8s
	@for set in $(K8S_SETS); do rendered=build/k8s/$$(basename $$set).yaml; \
	  $(BIN)/kubectl kustomize k8s/$$set >$$rendered || exit 1; \
	  $(BIN)/kubernetes-validate --strict --quiet -k $(K8S_VERSION) $$rendered || exit 1; done

## Set-up, done by every target that needs it

.PHONY: setup
setup: $(READY) ## Make .venv and install everything into it

# Runs once, and again when one of these files has changed or a Python is named.
$(READY): constraints.txt pyproject.toml $(CLIENT)/pyproject.toml $(if $(PYTHON),named-python)
	@python=$$(tools/find_python.sh $(if $(PYTHON),"$(PYTHON)")) && \
	  "$$python" tools/set_up.py $(if $(PYTHON),--this-python)

.PHONY: named-python
named-python:
