# Everything this repository does, as commands. Needs Python 3.11+, git and make.
#
#   make demo    the example feature, worked by the embedded model, in a scratch copy
#   make test    the test suite: no weights, no network beyond the package index
#   make check   linters, types, layers, then the tests
#   make help    the rest

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
TYPES  := build/types/kfpilot
FARM   := $(TYPES)/agent $(TYPES)/tools $(TYPES)/prompts
CODE   := agent tools prompts tests benchmarks
PYFILES := $(CODE) docs/conf.py
ACPX   := acpx@0.1.15

.DEFAULT_GOAL := help
.PHONY: help demo test lint check format docs site bench chaos lock acpx clean distclean venv

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## */  make \1\t/' | expand -t 18

venv: $(STAMP)  ## the environment in .venv, exactly as requirements.lock says

# The stamp makes repeats quick: pip runs again only when the lock or the project's own metadata changed.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "kfpilot needs Python 3.11 or newer; say which with: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked dependencies into $(VENV) (a few minutes the first time)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

demo: $(STAMP)  ## run the example feature with the embedded model and show the report
	$(BIN)/kfpilot demo $(ARGS)

# As many processes as tests/conftest.py says, at most four. A file stays with one process, which makes its fixtures
# once; in order, so that the quick unit tests fill up the end.
test: $(STAMP)  ## the suite; of the chaos cases every seventh (make test ARGS="tests/unit -k report" for a part)
	$(BIN)/python -m pytest -n auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder $(ARGS)

# mypy and import-linter want the import name in the file system: kfpilot/agent, kfpilot/tools, kfpilot/prompts.
$(FARM):
	@mkdir -p $(TYPES)
	@ln -sfn ../../../$(@F) $@

# mypy without its cache: after an edit the cache can hide errors that a clean clone shows.
lint: $(STAMP) $(FARM)  ## linters, types and layers, without the tests
	$(BIN)/ruff check $(PYFILES)
	$(BIN)/ruff format --check $(PYFILES)
	$(BIN)/mypy --no-incremental -p kfpilot.agent -p kfpilot.tools
	PYTHONPATH=build/types $(BIN)/lint-imports

check: lint test  ## lint, then test

format: $(STAMP)  ## put the code into the common form and mend what can be mended
	$(BIN)/ruff check --fix $(PYFILES)
	$(BIN)/ruff format $(PYFILES)

docs: $(STAMP)  ## write docs/settings.md and docs/commands.md from the code
	$(BIN)/python -m kfpilot.agent.settings > docs/settings.md
	$(BIN)/typer kfpilot.agent.cli.app utils docs --name kfpilot --title Commands --output docs/commands.md

# A broken link, a missing anchor or a page that docs/index.md does not list is an error.
site: $(STAMP)  ## build the documentation into build/site
	$(BIN)/python -m sphinx -W --keep-going -q -c docs -d build/doctrees . build/site
	@echo "open build/site/index.html"

chaos: $(STAMP)  ## kill, starve, lie to and attack it: the figures of the reliability table (half an hour)
	$(BIN)/python benchmarks/chaos.py $(ARGS)

bench: $(STAMP)  ## how quick the command line is
	$(BIN)/python benchmarks/plan_speed.py

# Hashes of every file of every pinned release, for all platforms; no index address, so that any mirror will do.
lock:  ## make requirements.lock anew from pyproject.toml
	@test -x build/uv/bin/uv || { $(PYTHON) -m venv build/uv && build/uv/bin/python -m pip install --quiet uv; }
	build/uv/bin/uv pip compile --quiet --generate-hashes --no-strip-extras --no-emit-index-url --universal --python-version 3.11 \
		--all-extras --custom-compile-command "make lock" $(ARGS) pyproject.toml -o requirements.lock

# The last version that node 20 takes. What it needs itself is loosely pinned by its own package.json; it is for tests.
acpx: build/acpx/$(ACPX)  ## a headless client of the Agent Client Protocol from npm, for its tests; needs node and npm
build/acpx/$(ACPX):
	@rm -rf build/acpx && mkdir -p build/acpx
	npm install --prefix build/acpx --silent --no-package-lock --no-audit --no-fund $(ACPX)
	@touch $@

clean:  ## remove what builds, tests and linters leave
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis .coverage .demo
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean  ## clean, and remove the environment too
	rm -rf $(VENV)
