# Everything starts here; `make` alone lists the targets. Needs Python 3.11 or newer, nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
CACHE := $(or $(ONSIGHT_CACHE),$(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME)/onsight,$(HOME)/.cache/onsight))
UV := uv==0.13.9
COMPILE := $(BIN)/uv pip compile --quiet --no-cache --universal --generate-hashes --python-version 3.11 \
	--custom-compile-command "make lock"
CYCLONEDX := cyclonedx-bom==7.5.0

export PIP_CACHE_DIR := $(CACHE)/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export MPLCONFIGDIR := $(CACHE)/matplotlib

.PHONY: help demo test test-deploy lint bench artifact lock sbom clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP) ## the whole path on a throw-away broker, in under two minutes (ONSIGHT_KAFKA: use that broker)
	@$(BIN)/onsight demo

test: lint ## everything: lint, types, unit and integration tests on brokers that it starts itself
	$(BIN)/python -m pytest

test-deploy: $(STAMP) ## the image, the chart on a real API server, the alert rules (needs Go, apt-get and root; ARGS="...")
	$(BIN)/python -m pip install --quiet --require-hashes --requirement tests/deploy/requirements.lock
	$(BIN)/python -m pytest tests/deploy $(ARGS)

lint: $(STAMP) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP) ## list the benches; B=name runs one, ARGS="..." are its options
	@$(BIN)/python -m tests.bench $(B) $(ARGS)

artifact: $(STAMP) ## build the shipped nearest-neighbour artifact again
	$(BIN)/onsight-export knn --out stream/artifacts/knn

lock: $(STAMP) ## resolve the dependencies again, after a change in pyproject.toml
	$(BIN)/python -m pip install --quiet $(UV)
	$(COMPILE) --all-extras --upgrade --output-file requirements.lock pyproject.toml
	$(COMPILE) --constraints requirements.lock --extra traces --output-file deploy/locks/worker.lock pyproject.toml
	$(COMPILE) --constraints requirements.lock --extra export --output-file deploy/locks/exporter.lock pyproject.toml
	$(COMPILE) --constraints requirements.lock --group image --output-file deploy/locks/build.lock
	$(COMPILE) --constraints requirements.lock --group deploy --output-file tests/deploy/requirements.lock

sbom: $(STAMP) ## list every installed package with version and licence, as CycloneDX: sbom.json
	$(BIN)/python -m pip install --quiet $(UV)
	$(BIN)/uv tool run --quiet --from $(CYCLONEDX) cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml \
		--output-reproducible --output-format JSON --output-file sbom.json

clean: ## remove the environment (the cache of downloads stays)
	rm -rf $(VENV)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "onsight needs Python 3.11 or newer, $(PYTHON) is: $$($(PYTHON) --version 2>&1); try make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV), once: a minute or two" >&2
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
