# What a person types. The work itself is in `synapse` and in the test runners.
.DEFAULT_GOAL := demo
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
UV_COMPILE = $(BIN)/uv pip compile -q --no-strip-extras pyproject.toml --generate-hashes --universal --python-version 3.11 --custom-compile-command "make lock"

.PHONY: demo test tests-on-servers tests-in-containers check format lock pipelines soak bench secrets clean

include frontend/page.mk

demo: $(VENV)/.runtime
	@$(BIN)/synapse demo

test: check page page-tests
	$(BIN)/python -m tests.s3.program
	+@$(MAKE) --no-print-directory -j2 tests-on-servers tests-in-containers

# Commands that the tests run must not believe that they are parts of this make.
PYTEST = env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL $(BIN)/pytest -m "not soak and not bench"
IN_CONTAINERS = build/tests-in-containers.log

tests-on-servers:
	$(PYTEST) -n 2 --ignore=tests/stack

# They wait more than they work, so they run beside the others; what they say is shown whole, at their end.
tests-in-containers:
	@echo "The tests in containers run meanwhile: tail -f $(IN_CONTAINERS)" && mkdir -p build
	@$(PYTEST) -n 0 --timeout=900 --durations=10 tests/stack >$(IN_CONTAINERS) 2>&1; code=$$?; cat $(IN_CONTAINERS); exit $$code

check: $(VENV)/.dev $(PAGE_PACKAGES)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/zizmor --offline --quiet .github
	$(NPM) run check

format: $(VENV)/.dev $(PAGE_PACKAGES)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(NPM) run format

soak: $(VENV)/.dev
	$(BIN)/pytest -m soak --timeout=14400

bench: $(VENV)/.dev
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.peers
	$(BIN)/python -m tests.bench.s3
	$(BIN)/python -m tests.bench.starts

lock: $(VENV)/.dev
	$(BIN)/pip install -q uv
	$(UV_COMPILE) --extra build -o requirements.lock
	$(UV_COMPILE) --extra build --extra dev --extra pipelines -c requirements.lock -o requirements-dev.lock
	$(BIN)/uv pip compile -q --no-strip-extras --group s3 -c requirements-dev.lock --generate-hashes --universal --python-version 3.11 --custom-compile-command "make lock" -o requirements-s3.lock
	$(UV_COMPILE) --extra build --extra pipelines -c requirements-dev.lock -o requirements-pipelines.lock
	$(BIN)/uv pip compile -q --no-strip-extras --group node --generate-hashes --universal --python-version 3.11 --custom-compile-command "make lock" -o requirements-node.lock

secrets:
	@sh deploy/first-start.sh $(FORM)

clean:
	rm -rf $(VENV) .demo build test-reports frontend/node_modules frontend/dist

$(VENV)/bin/python:
	@echo "Making the virtual environment $(VENV) with $(PYTHON) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing the locked packages (about 80 MB, once) ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo "Installing the locked development packages ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# What runs a pipeline, and nothing that checks the code.
pipelines: $(VENV)/.pipelines

$(VENV)/.pipelines: requirements-pipelines.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing the locked packages of the pipelines ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-pipelines.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
