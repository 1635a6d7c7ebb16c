# `make`: set up .venv and run the main job.  `make test`: the suite.  `make help`: the rest.
# Needs Python >= 3.11, git and make; everything else lands in .venv, pinned by constraints.txt.

PYTHON ?= python3
JOBS ?= 2
BIN := .venv/bin
READY := .venv/.ready

export OMP_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt
export UV_CONSTRAINT := constraints.txt
export UV_BUILD_CONSTRAINT := constraints.txt
export UV_SYSTEM_CERTS ?= 1
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

# uv where pip can get it, with pip's own index where one is configured; plain pip otherwise.
define install
	@index="$${PIP_INDEX_URL:-$$($(BIN)/python -m pip config get global.index-url 2>/dev/null)}"; \
	if [ -n "$$index" ]; then UV_DEFAULT_INDEX="$$index"; export UV_DEFAULT_INDEX; fi; \
	{ [ -x $(BIN)/uv ] && $(BIN)/uv pip install --quiet --python $(BIN)/python -e '$(1)'; } \
	|| $(BIN)/python -m pip install --quiet -e '$(1)'
	@touch $@
endef

.DEFAULT_GOAL := all
.PHONY: all help install test test-slow coverage lint format bench bench-all lock clean

all: .venv/.core  ## set up and reproduce the open minimal pair into out/yan2025
	$(BIN)/qet reproduce yan2025

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

$(READY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo "qet needs Python >= 3.11; $(PYTHON) is older or missing. Try: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --only-binary :all: uv || echo "uv is not to be had; going on with pip"
	@touch $@

.venv/.core: $(READY) pyproject.toml constraints.txt
	$(call install,.)

.venv/.test: $(READY) pyproject.toml constraints.txt
	$(call install,.[test])

.venv/.lint: $(READY) pyproject.toml constraints.txt
	$(call install,.[lint])

install: .venv/.core .venv/.test .venv/.lint  ## everything, for development

test: .venv/.test  ## all tests but the slow ones
	$(BIN)/python -m pytest -q -n $(JOBS) -m "not slow"

test-slow: .venv/.test  ## the slow tests
	$(BIN)/python -m pytest -q -n $(JOBS) -m slow tests || [ $$? -eq 5 ]  # 5: there are none

coverage: .venv/.test  ## which lines the tests reach
	$(BIN)/coverage run -m pytest -q -m "not slow" && $(BIN)/coverage report --skip-covered

lint: .venv/.test .venv/.lint  ## ruff, its layout, mypy --strict, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy --strict src
	$(BIN)/codespell

format: .venv/.lint  ## lay out the source
	$(BIN)/ruff format src tests benchmarks

bench: .venv/.test  ## the quick benchmarks, one table
	$(BIN)/python -m benchmarks

bench-all: .venv/.test  ## every benchmark
	$(BIN)/python -m benchmarks --all

lock: $(READY)  ## pin the newest versions that fit, for every supported Python
	@$(BIN)/python -m pip install --quiet uv
	env -u UV_CONSTRAINT $(BIN)/uv pip compile pyproject.toml --all-extras --group build --universal \
	  --python-version 3.11 --upgrade --no-annotate --no-header --quiet --output-file constraints.new
	@if grep -n '://' constraints.new; then echo "constraints.txt must hold no address" >&2; exit 1; fi
	mv constraints.new constraints.txt

clean:  ## remove the environment and what tools left behind
	rm -rf .venv .venv-* build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
