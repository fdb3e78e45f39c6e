PYTHON ?= python3
# On Linux the torch on PyPI brings gigabytes of CUDA, so the CPU build comes from PyTorch's own index; for a GPU:
#   make TORCH_INDEX=https://download.pytorch.org/whl/cu130 <target>
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Every other file of the folder is a benchmark.
BENCHMARKS := rope pile cloth_fold $(filter-out __init__ records measured row_runs tables deformable,$(notdir $(basename $(wildcard benchmarks/*.py))))

ifeq ($(shell uname -s),Linux)
export MUJOCO_GL ?= egl
endif

# Times of benchmarks would mean nothing beside each other, and what is missing is said before anything long begins.
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help demo test test-slow interop lint check bench pictures clean

help:  ## Say what there is to make
	@sed -nE 's/^([a-z%<>-]+):.*  ## (.*)/  make \1\t\2/p' Makefile | expand -t 22
	@echo "  make bench-<name>   Run one benchmark: $(subst _,-,$(BENCHMARKS))"

demo: have-demo .venv/.installed  ## Run the whole loop on small settings
	$(BIN)/robopref demo reward@rewards.outcome=outcome rewards.outcome.fit.steps=350

# Many tests start processes, which are slow to start where nothing compiled is kept.
test: have-test .venv/.installed  ## Run the tests
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest --numprocesses auto --dist worksteal --durations 25

# Whole loops, processes and browsers, each for seconds. Continuous integration runs them, too.
test-slow: have-test .venv/.installed  ## Run the tests that take long
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -m slow --numprocesses auto --dist worksteal --durations 25

# Their environments stay in build/interop.
interop: have-test .venv/.installed  ## Run other projects' own libraries on what is written here, and the reverse
	$(BIN)/python -m pytest -m interop -rs --durations 10 tests/interop

lint: .venv/.installed  ## Check format, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python

check: have-test lint test test-slow  ## Everything a change has to pass

pictures: have-bench .venv/.installed  ## Draw the pictures of docs/tasks.md
	$(BIN)/python docs/task_pictures.py

bench: $(subst _,-,$(BENCHMARKS:%=bench-%))  ## Run every benchmark

# One script for all deformable tasks.
bench-rope bench-pile bench-cloth-fold: bench-%: have-bench .venv/.installed
	$(BIN)/python -m benchmarks.deformable env=$(subst -,_,$*)

# Small matrices take many times as long on several cores.
bench-human-labels bench-querying: export OPENBLAS_NUM_THREADS := 1

bench-%: have-bench .venv/.installed
	$(BIN)/python -m benchmarks.$(subst -,_,$*)

clean:  ## Remove the virtual environment and everything built
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- Installation ----------------------------------------------------------------------------------------------------

# What a target needs of the system; asked for first, since installing takes minutes.
define HAVE
@command -v $(PYTHON) >/dev/null || { echo "robopref needs Python 3.11 or newer; there is no $(PYTHON)" >&2; exit 1; }
@$(PYTHON) .ci/system_packages.py
endef

.PHONY: have-demo have-bench have-test
have-demo have-bench have-test: have-%:
	$(HAVE) $*

.venv/.installed: pyproject.toml constraints.txt
	$(HAVE) install
	@echo "Creating .venv"
	@$(PYTHON) -m venv .venv
	@echo "Installing torch from $(TORCH_INDEX) if it can be reached, else from the package index"
	@$(PIP) -qqq install --retries 0 --no-deps --find-links $(TORCH_INDEX)/torch/ -c constraints.txt torch \
		|| $(PIP) -q install --no-deps -c constraints.txt torch
	@echo "Installing robopref and what it needs, about two minutes"
	@$(PIP) -qq install -c constraints.txt -e '.[dev]'
	@touch $@
	@echo "Installed into .venv"
