# flowd's commands. `make` alone lists them. Needs git, make and python3 with venv; everything else comes from pip.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# Tests that need a lab, root or half a minute run in `make test`, not here.
FAST   := not slow and not root and not node
# As many processes as there are cores; each test takes ports, folders and clocks of its own.
SPREAD := -n auto --maxprocesses 8 --dist worksteal
# Tests start many processes; without bytecode each of them, and each test process, compiles everything anew.
test fast: export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run test check lint fast fmt snap pictures bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,examples]'
	@touch $@

run: $(STAMP) ## a daemon with the example workflows and an order that waits for you; without a terminal: a told story
	@if [ -t 0 ] && [ -t 1 ]; then exec $(BIN)/flowd story --console; else exec $(BIN)/flowd story; fi

test: $(STAMP) ## every test
	$(BIN)/python -m pytest -q $(SPREAD)

check: $(STAMP) ## format, lint, types, layers, fast tests: before every commit
	@$(MAKE) --no-print-directory -j 2 -Otarget lint fast

# The parts of `check`, side by side.
lint: $(STAMP)
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports --no-cache >$(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }
fast: $(STAMP)
	$(BIN)/python -m pytest -q -p no:cacheprovider $(SPREAD) -m '$(FAST)'

fmt: $(STAMP) ## write the format and the fixes that lint can make
	$(BIN)/ruff check --quiet --fix .
	$(BIN)/ruff format --quiet .

snap: $(STAMP) ## take the console's pictures anew; look at the difference before you commit it
	$(BIN)/python -m pytest -q tests/console --snapshot-update

pictures: $(STAMP) ## take the pictures of README and docs anew, from a daemon that runs the examples
	$(BIN)/python -m tests.console.pictures docs/pictures

bench: $(STAMP) ## measure the engine on this machine
	@for file in tests/bench/bench_*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

clean: ## remove the virtual environment and caches; ./var, where `make run` keeps its data, stays
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache snapshot_report.html
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
