.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup demo up reproduce test coverage fuzz fuzz-service chaos chaos-short storm bench bench-guard lint types imports check docs lock clean

help: ## list these commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 13

setup: .venv/.installed ## make .venv with everything in it (quick when nothing changed)
ifeq ($(origin PYTHON),command line)
	@test "$$($(PYTHON) --version)" = "$$($(BIN)/python --version)" \
	  || { echo ".venv is of $$($(BIN)/python --version), and PYTHON of $$($(PYTHON) --version): remove .venv first"; exit 1; }
endif

.venv/.installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "neurobatch needs Python 3.11 to 3.13; this is $$($(PYTHON) --version). Use make PYTHON=python3.12 ..."; exit 1; }
	@echo "Setting up .venv (a few minutes the first time) ..."
	@# Without pip it is what is left of a try on a machine without ensurepip (Debian: python3-venv).
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv
	@# The lock is complete; without --no-deps pip looks for the newest pydantic[email] and finds no hash for it.
	@$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements.txt
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## run one batch through the whole service (SCANS=folder DATA_DIR=folder)
	@$(BIN)/neurobatch demo $(if $(SCANS),--scans "$(SCANS)") $(if $(DATA_DIR),--data-dir "$(DATA_DIR)")

up: setup ## serve until Ctrl-C (PORT=8000 DATA_DIR=folder)
	@exec $(BIN)/neurobatch up $(if $(PORT),--port "$(PORT)") $(if $(DATA_DIR),--data-dir "$(DATA_DIR)")

# By the command in the model's card, from the scores recorded beside it; or trained again, fold by fold.
reproduce: setup ## the model's headline figures again, in seconds (FROM=scratch: in about four hours)
ifeq ($(FROM),scratch)
	@$(BIN)/neurobatch train --config training/configs/mobilenetv2.toml --cross-validate
	@$(BIN)/neurobatch train --config training/configs/cnn-stripped.toml --cross-validate
	@$(BIN)/neurobatch evaluate --scores build/runs/cnn-stripped/out-of-fold.csv
else
	@command=$$($(BIN)/python -c 'import json; from shared.settings import load_settings; \
	  print(json.loads((load_settings().model_dir / "evaluation.json").read_text())["measured"]["command"])'); \
	echo "$$command"; PATH="$(BIN):$$PATH" $$command
endif

test: setup ## all tests, two files at a time: about 12 minutes on two cores
	@$(BIN)/pytest -n 2 --dist loadfile

coverage: setup ## lines and branches that no unit or integration test runs; as pages in build/coverage
	@$(BIN)/pytest -n 2 --dist loadfile --cov --cov-report term-missing:skip-covered --cov-report html:build/coverage \
	  tests/unit tests/integration

fuzz: setup ## harmed files and bodies against upload and decoder (N=10000 SEED=)
	@$(BIN)/python -m tests.fuzz.run --count $(or $(N),10000) $(if $(SEED),--seed $(SEED))

fuzz-service: setup ## the same against the whole service, and every bomb; watches its memory (N=10000 SEED=)
	@$(BIN)/python -m tests.fuzz.service --count $(or $(N),10000) $(if $(SEED),--seed $(SEED))

chaos: setup ## harm the real service in every way that is known, about 20 minutes
	@$(BIN)/python -m chaos run

chaos-short: setup ## a few kinds of harm, a minute or two
	@$(BIN)/python -m chaos run --short

storm: setup ## random kills from outside (KILLS=50 DATABASE=sqlite|postgresql SEED=1 EVERY_S=3)
	@$(BIN)/python -m chaos storm $(if $(KILLS),--kills $(KILLS)) $(if $(DATABASE),--database $(DATABASE)) $(if $(SEED),--seed $(SEED)) $(if $(EVERY_S),--every-s $(EVERY_S))

bench: setup ## the service beside what the machine allows and what one would pick instead, half an hour (SCANS=folder of .png and .jpg, ONLY=part, RECORD=1 to keep it)
	@$(BIN)/python -m benchmarks $(if $(SCANS),--scans "$(SCANS)") $(if $(ONLY),--only $(ONLY)) $(if $(RECORD),--record)

bench-guard: setup ## a few ratios beside the last accepted ones, a minute
	@$(BIN)/python -m benchmarks.guard

lint: setup ## style, Dockerfile and docker-compose.yml
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

types: setup ## static types
	@$(BIN)/mypy

imports: setup ## import directions
	@$(BIN)/lint-imports

docs: setup ## the documents as one site in build/docs
	@$(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs

check: lint types imports ## all of the three

lock: ## renew the pinned requirements (needs uv)
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate -o requirements.txt
	uv pip compile --group pyproject.toml:api --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate -c requirements.txt -o requirements-api.txt

clean: ## remove what was built, not the data
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
