# The whole project in a few commands. Each makes or updates .venv first where requirements.lock has changed.
PYTHONS := 3.14 3.13 3.12 3.11
# the newest of these that starts: a name on PATH may belong to a version manager that has none behind it
PYTHON ?= $(shell for v in $(PYTHONS); do python$$v -c "" 2>/dev/null && echo python$$v && break; done)
NAME ?= quickstart
BIN := .venv/bin
READY := .venv/.ready
# Bytecode is written by all cores at set-up: pip uses one, and where PYTHONDONTWRITEBYTECODE is set, as in many
# containers, every stage and kernel would compile torch and pandas again. These parts are hardly ever imported.
UNUSED := /(tests?|_test|testing|pip|mypy|mypyc|playwright|setuptools)/
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help repro test lint docs lab app bench shipped setup lock clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY)  ## create or update .venv

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "no Python of $(PYTHONS) found: install one, or name it with PYTHON=..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	$(BIN)/python -m compileall -q -j 0 -x '$(UNUSED)' .venv/lib l2sae || true
	@touch $@

repro: $(READY)  ## run whatever is out of date: prepare, train, evaluate, robustness, benchmark, figures
	$(BIN)/dvc repro

test: $(READY)  ## run the tests
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

lint: $(READY)  ## check style, formatting, types and notebooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m l2sae.pipeline.notebooks check

DOCS := .venv/.docs
docs: $(DOCS)  ## build the documentation site into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

$(DOCS): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[docs]'
	@touch $@

bench: $(READY)  ## run what is out of date, keep its figures in benchmarks/, and write README's table and picture
	$(BIN)/dvc repro
	$(BIN)/python -m l2sae.bench record $(NAME)
	$(BIN)/python -m l2sae.bench readme

shipped: $(READY)  ## train the model and the localiser that come with the package, ten minutes on a GPU
	$(BIN)/python -m l2sae.bench ship model
	$(BIN)/python -m l2sae.bench ship localiser

lab: $(READY)  ## open JupyterLab
	$(BIN)/jupyter lab

app: $(READY)  ## serve the editors as pages on this machine
	$(BIN)/python -m l2sae.pipeline.app

# NVIDIA's wheels come with PyPI's torch on Linux and are absent elsewhere, so they are not locked beside it.
lock: $(READY)  ## rewrite requirements.lock from what .venv holds
	$(BIN)/python -m pip freeze --exclude-editable | sed -E 's/^(torch==[^+]*)\+.*/\1/' \
		| grep -vE '^(nvidia-[a-z0-9]+-?[a-z]*-?cu[0-9]+|nvidia-(cu|nccl|nvtx|nvjit|nvshmem)[^=]*|cuda-[^=]*|triton)==' > requirements.new
	mv requirements.new requirements.lock

clean:  ## remove caches and failed notebooks; results and .venv stay
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis reports/failed site build dist *.egg-info
	find l2sae tests notebooks -name __pycache__ -prune -exec rm -rf {} +
