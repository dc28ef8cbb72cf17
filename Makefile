# `make` lists the targets. Nothing here needs an activated environment.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3.11
REQUIREMENTS ?= requirements/dev.txt
SOLC ?= auto
DEMO_ARGS ?=
TEST_ARGS ?=
GAS_ARGS ?=
THROUGHPUT_ARGS ?=
METERS_ARGS ?=
FORECAST_ARGS ?=
LIVE_ARGS ?=
DRILL_ARGS ?=
GRID_ARGS ?= --scenario all

BIN := .venv/bin
APE := $(BIN)/ape

FORMATTED := $(wildcard energy_grid meter_bridge oracles simulation scripts tests bench tools)
TYPED := $(foreach dir,energy_grid meter_bridge oracles simulation scripts bench tools,\
	$(if $(wildcard $(dir)/*.py),$(dir)))

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## install everything into .venv and node_modules (SOLC=native|npm chooses the compiler)
	@$(PYTHON) tools/setup.py --requirements $(REQUIREMENTS) --solc $(SOLC)

# ape recompiles a file that changed but not the files that import it, so anything that changed means
# everything: the compiler's own cache keeps that quick.
SOURCES := $(shell find contracts -name .cache -prune -o -name '*.sol' -print 2>/dev/null)

.PHONY: build
build: setup .build/compiled ## compile the contracts

.build/compiled: $(SOURCES) ape-config.yaml package-lock.json
	@$(APE) compile --force --verbosity WARNING
	@touch $@

.PHONY: demo
demo: build ## run a market day on a local chain (DEMO_ARGS="--help" shows its options)
	@$(APE) run market_day $(DEMO_ARGS)

.PHONY: grid-day
grid-day: build ## run grid scenarios without and with management (GRID_ARGS="--scenario winter-evening")
	@$(APE) run grid_day $(GRID_ARGS)

.PHONY: up
up: build ## start chain, twin, members, bridges, keepers and reporters on this computer
	@$(BIN)/python -m simulation.live up $(LIVE_ARGS)

.PHONY: down
down: ## end what `make up` has started, also after a crash
	@$(BIN)/python -m simulation.live down

.PHONY: day-live
day-live: build ## run a market day that drives itself, 60 times as fast (LIVE_ARGS="--slots 8 --kill-each")
	@$(BIN)/python -m simulation.live day $(LIVE_ARGS)

.PHONY: drill
drill: build ## shut a market down on a local chain and let everybody leave (DRILL_ARGS="--homes 6")
	@$(APE) run drill_shutdown $(DRILL_ARGS)

.PHONY: test
test: build ## run all tests but the deep ones, in two processes (TEST_ARGS="-k settle" selects)
	@$(BIN)/python tools/run_tests.py $(TEST_ARGS)

.PHONY: invariants
invariants: build ## run the invariant tests alone
	@$(APE) test tests/invariants $(TEST_ARGS)

.PHONY: deep
deep: build ## run the invariant tests at length, the deep ones included
	@$(APE) test tests/invariants tests/differential -m "deep or not deep" --hypothesis-profile=deep --timeout=0 $(TEST_ARGS)

.PHONY: faults
faults: build ## run the fault-injection tests, the long ones included
	@$(APE) test tests/faults -m "not deep" $(TEST_ARGS)
	@$(APE) test tests/integration -m faults_long $(TEST_ARGS)

.PHONY: gas
gas: build ## measure gas and write bench/gas
	@$(BIN)/python -m bench.gas $(GAS_ARGS)

.PHONY: throughput
throughput: build ## place, clear and settle 50,000 orders of a day (THROUGHPUT_ARGS="--orders 9600")
	@$(BIN)/python -m bench.throughput $(THROUGHPUT_ARGS)

.PHONY: forecast
forecast: setup ## back-test the forecasts against persistence (FORECAST_ARGS="--weeks 4")
	@$(BIN)/python -m bench.forecast $(FORECAST_ARGS)

.PHONY: meters
meters: build ## run 10,000 meters for a day through two bridges in pages (METERS_ARGS="--meters 500")
	@$(BIN)/python -m bench.meters $(METERS_ARGS)

.PHONY: lint
lint: setup ## check format, rules and types of the Python code
	@$(BIN)/ruff format --check $(FORMATTED)
	@$(BIN)/ruff check $(FORMATTED)
	@$(BIN)/mypy $(TYPED)

.PHONY: docs-roles
docs-roles: setup ## write docs/roles.md from the roles in code
	@$(BIN)/python -m energy_grid.deployment.roles_page

.PHONY: format
format: setup ## format the Python code and repair what ruff can
	@$(BIN)/ruff check --fix-only --quiet $(FORMATTED)
	@$(BIN)/ruff format $(FORMATTED)

.PHONY: lock
lock: ## pin pyproject.toml into requirements/ again
	@$(PYTHON) tools/lock.py

.PHONY: clean
clean: ## remove what was built; .venv and node_modules stay
	rm -rf .build contracts/.cache out cache build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -not -path './.venv/*' -not -path './node_modules/*' -prune -exec rm -rf {} +
