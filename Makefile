# `make demo` and `make test` are all that a newcomer needs; `make help` lists the rest.
PYTHON ?= python3
# Where torch comes from; on a machine without an NVIDIA card, TORCH_INDEX=https://download.pytorch.org/whl/cpu
# saves gigabytes.
TORCH_INDEX ?=
# How many processes run the tests: one a core, as long as there are four at most; each starts its own servers.
TEST_PROCESSES ?= logical
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt


.DEFAULT_GOAL := help
.PHONY: help demo test check bench pictures clean

help: ## Say what can be made.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

demo: .venv/installed ## Install, and take one sample day from papers to mail.
	@DIGEST_DATA_DIR=var/demo $(BIN)/digest demo

test: check ## Install, check style, types and layers, and run all tests.
	@$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --maxprocesses 4 --dist worksteal

check: .venv/developing ## Check style, types and layers only.
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports | tail -n 1

bench: .venv/developing ## Run the benchmarks.
	@$(BIN)/python -m pytest -m benchmark -s tests/benchmarks

pictures: .venv/developing ## Render the demo's mail and pages into the README's pictures (needs Chromium).
	@$(BIN)/python tests/pictures.py

clean: ## Remove the virtual environment and the demo's data.
	@rm -rf .venv var

.venv/torch:
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing torch …"
	@$(PIP) torch $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	@touch $@

.venv/installed: .venv/torch pyproject.toml constraints.txt
	@echo "Installing digest …"
	@$(PIP) --editable '.[cpu,offline]'
	@touch $@

.venv/developing: .venv/installed
	@echo "Installing what the tests need …"
	@$(PIP) --editable '.[cpu,offline,dev]'
	@touch $@
