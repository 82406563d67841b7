# Kubroker's commands. `make` lists them. Everything is installed in .venv, from locked hashes.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
DEV := $(VENV)/.dev-ready
SAM := $(VENV)/.sam-ready
SCAN := $(VENV)/.scan-ready
LAYER := layers/kubroker
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --require-hashes
LOCK := $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-header --python-version 3.13

# What `make run ARGS="..."` and the like pass on.
ARGS ?=
# The stage that deploy and addresses are for, as in samconfig.toml.
STAGE ?= dev
PYTEST_ARGS ?= -n 2 --dist loadfile

export PIP_ROOT_USER_ACTION := ignore
export SAM_CLI_TELEMETRY := 0

.PHONY: deploy addresses scan mutants
.PHONY: help setup run demo test check bench soak year docs format format-check lint types check-secrets test-sam sam-local lock clean

help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | column -t -s $$'\t'

setup: $(DEV) $(SAM) machine ## Install all that the commands below need

run: $(DEV) ## Start the whole stack on this machine, no cloud, no Docker
	@PYTHONPATH=$(LAYER) exec $(BIN)/python -m local run $(ARGS)

demo: $(DEV) ## Link a user without a person: start, link, show, stop
	@PYTHONPATH=$(LAYER) exec $(BIN)/python -m local demo $(ARGS)

test: setup ## Run every test, with coverage
	$(BIN)/python -m pytest --cov --cov-report=term $(PYTEST_ARGS)

check: format-check lint types scan test ## The gate: what CI runs

scan: $(DEV) $(SCAN) ## Scan the templates; exceptions are reasoned in tools/scan_reasons.toml
	@PYTHONPATH=$(LAYER) $(BIN)/python -m tools.scan $(VENV)/scan/bin/checkov

mutants: $(DEV) ## Make 30 faults in copies and see that tests notice each; needs ten minutes
	@$(BIN)/python -m tools.mutants $(ARGS)

bench: $(DEV) $(SAM) ## Measure cold starts and the layer's size; writes build/bench.json
	@PYTHONPATH=$(LAYER) $(BIN)/python -m tests.bench $(ARGS)

year: $(DEV) ## Live a year of 50,000 fills with crashes and 429s, and export it: missing 0, twice 0
	@PYTHONPATH=$(LAYER) EXPORT_DAYS=365 EXPORT_FILLS=50000 $(BIN)/pytest -s -n 0 --timeout 7200 \
		tests/exports/functional/test_year.py 2>&1 | grep --line-buffered -E "^exports:|^[0-9]+ (passed|failed)|day "

docs: $(DEV) ## Refresh what is made from the sources: README tables, IAM, events, API
	@PYTHONPATH=$(LAYER) $(BIN)/python -m tools.readme_tables
	@PYTHONPATH=$(LAYER) $(BIN)/python -m tools.iam_table
	@PYTHONPATH=$(LAYER) $(BIN)/python -m tools.licences
	@PYTHONPATH=$(LAYER) $(BIN)/python -m tools.event_docs
	@PYTHONPATH=$(LAYER) $(BIN)/python -m tools.openapi
	@PYTHONPATH=$(LAYER) $(BIN)/python -m tools.scale

soak: $(DEV) ## Refresh 200 short-lived connections under faults for SOAK_SECONDS; writes build/soak.json
	@PYTHONPATH=$(LAYER) $(BIN)/python -m tests.soak $(ARGS)

deploy: $(DEV) $(SAM) ## Build and deploy a stage: make deploy STAGE=dev
	$(VENV)/sam/bin/sam build
	SAM=$(VENV)/sam/bin/sam $(BIN)/python -m tools.release deploy $(STAGE)
	@PYTHONPATH=$(LAYER) $(BIN)/python -m tools.check_secrets $(STAGE)

check-secrets: $(DEV) ## Say whether a stage's webhooks can be signed: make check-secrets STAGE=prod
	@PYTHONPATH=$(LAYER) $(BIN)/python -m tools.check_secrets $(STAGE)

addresses: $(DEV) ## Print the addresses for both of KuCoin's lists: make addresses STAGE=prod
	@PYTHONPATH=$(LAYER) $(BIN)/python -m tools.addresses $(STAGE)

format: $(DEV) ## Format the code
	$(BIN)/ruff check --fix-only --select I --quiet .
	$(BIN)/ruff format .

format-check: $(DEV)
	$(BIN)/ruff format --check .

lint: $(DEV) ## Check the style
	$(BIN)/ruff check .

types: $(DEV) ## Check the types
	$(BIN)/mypy

test-sam: setup ## Validate, build, and run the built functions in the Lambda container
	$(BIN)/python -m pytest tests/sam_local $(PYTEST_ARGS)

sam-local: setup ## Start API and Lambda in Lambda containers, the stand-ins beside them
	@PYTHONPATH=$(LAYER) exec $(BIN)/python -m tests.sam_local

lock: $(DEV) ## Lock the requirements anew, keeping versions where possible
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(LOCK) $(LAYER)/requirements.in -o $(LAYER)/requirements.txt
	$(LOCK) requirements/dev.in -c $(LAYER)/requirements.txt -o requirements/dev.txt
	$(LOCK) requirements/sam.in -o requirements/sam.txt
	$(LOCK) requirements/scan.in -o requirements/scan.txt
	$(BIN)/python -m tools.release_dates

clean: ## Remove what was built, not the virtual environment
	rm -rf .aws-sam build .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(DEV): requirements/dev.txt
	@echo "Setting up $(VENV): once, one to two minutes"
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null \
		|| "$$(tools/find-python)" -m venv --clear $(VENV)
	@$(BIN)/python $(PIP_INSTALL) -r $<
	@touch $@

# The SAM CLI pins much that the tests need otherwise: an environment of its own.
$(SAM): requirements/sam.txt | $(DEV)
	@echo "Setting up the SAM CLI in $(VENV)/sam"
	@test -x $(VENV)/sam/bin/python || $(BIN)/python -m venv $(VENV)/sam
	@$(VENV)/sam/bin/python $(PIP_INSTALL) -r $<
	@touch $@

# So does the scanner; only `make scan` and `make check` need it.
$(SCAN): requirements/scan.txt $(DEV)
	@echo "Setting up the scanner in $(VENV)/scan: once, about a minute"
	@test -x $(VENV)/scan/bin/python || $(BIN)/python -m venv $(VENV)/scan
	@$(VENV)/scan/bin/python $(PIP_INSTALL) -r $<
	@touch $@

.PHONY: machine
machine: # a browser and a Docker engine may come and go: looked for each time, quickly
	@tools/prepare-machine
