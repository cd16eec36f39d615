# Two commands matter: `make bench` runs a benchmark, `make test` passes the tests. Both install what they need.
.PHONY: help bench test test-fast check docs ui install install-base install-remote format clean

SUITE ?= smoke
BIN := .venv/bin

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

bench: ## Install, start the embedded engine, run the suite smoke (SUITE=...), print the summary
	@scripts/install.sh bench
	@$(BIN)/docmind bench $(SUITE)

test: ## Install everything and run all tests, including those on the real CPU engine and with the real daemon
	@scripts/install.sh all
	@scripts/run_tests.sh

test-fast: ## Install without torch and engine, and run the tests that need neither
	@scripts/install.sh fast
	@scripts/run_tests.sh fast

check: ## Format, lint, types, import contracts
	@scripts/install.sh fast
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

docs: ## Build the documentation site in build/site and check its links
	@scripts/install.sh docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

ui: ## Open Dagster's web UI on http://127.0.0.1:3000
	@scripts/install.sh base
	@$(BIN)/docmind ui

install: ## Install everything: platform, embeddings, embedded engine, tests
	@scripts/install.sh all

install-base: ## Install only the platform, for a remote engine with keyword search
	@scripts/install.sh base

install-remote: ## Install the platform with torch and embeddings, for a remote engine with semantic search
	@scripts/install.sh remote

format: ## Format the code and apply the safe fixes
	@scripts/install.sh fast
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove the environment and the caches, but keep .docmind (your results)
	rm -rf .venv build ./*.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
