# Every target installs what it needs and says so. Python packages go to .venv, by the versions of uv.lock.

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow test-all check documents golden bench clean

PYTHON ?= python3
UV := .tools/uv/bin/uv
RUN := .venv/bin/
DEMO ?= keyproof-demo

# What WeasyPrint draws PDF pages with, and what the tests look at the results with.
RENDERING := libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0
LOOKING := chromium poppler-utils qpdf

# Tokens that the tests read: three PKCS#11 modules, and a compiler for one that goes wrong where it is told to.
TOKENS := softhsm2 libnss3-tools opencryptoki tcc

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

demo: .venv/installed rendering ## The main job on an embedded estate: collect, assess, report, verify
	$(RUN)keyproof demo --out $(DEMO)

test: .venv/installed rendering looking tokens ministack ## The tests
	$(RUN)pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

test-slow: .venv/installed rendering looking tokens ministack ## The tests that take minutes each
	$(RUN)pytest -n 2 -m slow

test-all: test test-slow ## All tests

check: .venv/installed ## Style, types, and the documents against the program
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)mypy
	$(RUN)python -m docs.generate --check

documents: .venv/installed ## Write the generated parts of the documents anew
	$(RUN)python -m docs.generate

golden: .venv/installed ## Write the golden pack of the tests anew
	$(RUN)python tests/keyproof/golden_pack.py
	$(RUN)python tests/keyproof/golden_frameworks.py

bench: .venv/installed rendering ## Requests, time and memory, against a simulated endpoint
	$(RUN)python -m benchmarks

install: .venv/installed rendering ## Only install

.venv/installed: pyproject.toml uv.lock | $(UV)
	@echo "installing Python packages into .venv (by uv.lock)"
	$(UV) sync --quiet --frozen --all-extras --python $(PYTHON)
	@touch $@

$(UV):
	@echo "installing uv into .tools/uv"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --target .tools/uv uv

.tools/ministack/installed: tests/estates/ministack.txt | $(UV)
	@echo "installing ministack, an AWS to compare with, into .tools/ministack"
	@$(UV) venv --quiet --clear --python $(PYTHON) .tools/ministack
	@$(UV) pip install --quiet --python .tools/ministack/bin/python --requirements $<
	@touch $@

.PHONY: rendering looking tokens ministack
ministack: .tools/ministack/installed

rendering:
	@./.ci/system-packages $(RENDERING)

looking:
	@./.ci/system-packages $(LOOKING)

tokens:
	@./.ci/system-packages $(TOKENS)

clean: ## Remove what the targets made
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis $(DEMO)
