# One plain command for each job, for people and CI alike. What may outlive a clone (Cargo's
# target folder, Go programs, npm packages) is kept in the user's cache.

CACHE   := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/ipfs-kit
VENV    := .venv
BIN     := $(VENV)/bin
UV      := $(shell uv --version >/dev/null 2>&1 && command -v uv || echo $(CACHE)/uv/bin/uv)
WORKERS ?= 2
# `make test ML=1` has torch, accelerate and transformers as well: a download of 0.7 GB, and
# 1.4 GB on the disk, once: .venv has links into uv's cache, so a later clone takes seconds.
# Once in .venv they stay there, and the tests that need them run.
ML      ?=
SYNCED  := $(VENV)/.synced$(if $(ML),-ml)

export CARGO_TARGET_DIR := $(shell tools/cargo-target.sh)
WHEELS := $(CARGO_TARGET_DIR)/wheels
export PYO3_PYTHON := $(abspath $(BIN)/python)
export UV
export UV_PYTHON_DOWNLOADS := never

.PHONY: demo test test-rust bench soak lint wheel tools install clean
.NOTPARALLEL:
.DEFAULT_GOAL := test

## demo: set everything up and hash real files
demo: install
	$(BIN)/python benches/python/demo.py

## test: Rust unit and doc tests, then the Python tests on the installed wheel
test: tools test-rust install
	$(BIN)/pytest -n $(WORKERS) --durations=20 --basetemp=$(VENV)/tmp

# The binding crate is tested from Python, the benchmarks are compiled by clippy.
test-rust:
	cargo test --workspace --exclude ipfs-kit-python --exclude ipfs-kit-benches --locked --profile fast

## soak: the tests that take over 20 seconds, at full size (pytest exits 5 while there are none)
soak: tools install
	IPFS_KIT_SCALE=1 $(BIN)/pytest -m soak --timeout=3600 --durations=0 || test $$? = 5

## bench: our figures beside our peers', as ratios taken in one run, on the wheel as published
bench: tools wheel
	$(UV) sync --locked --no-install-project --inexact --group bench \
		$(if $(ML),--extra ml --group ml --group bench-ml)
	$(UV) pip install --no-deps --reinstall dist/*.whl
	$(BIN)/python benches/python/run.py

## lint: formats, lints, types, stubs and workflows
lint: tools install
	cargo fmt --check
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	cargo clippy --workspace --all-targets --locked --profile fast -- -D warnings
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest --mypy-config-file pyproject.toml --ignore-unused-allowlist \
		--allowlist tools/stubtest-allowlist.txt ipfs_kit_py._native ipfs_kit_py.aio
	.tools/bin/actionlint

## wheel: the wheel and the source distribution as they are published, into dist/
wheel: $(SYNCED)
	rm -rf dist
	$(BIN)/maturin sdist --out dist
	$(BIN)/maturin build --release --locked --out dist

## tools: the real programs that tests and lints talk to, into .tools/bin
tools:
	tools/build.sh
	tools/docker.sh

## install: the wheel as the tests want it, into .venv
install: $(SYNCED)
	rm -rf $(WHEELS)
	$(BIN)/maturin build --profile fast --locked --auditwheel skip --out $(WHEELS)
	$(UV) pip install --quiet --no-deps --reinstall $(WHEELS)/*.whl

clean:
	rm -rf $(CARGO_TARGET_DIR) $(VENV) .tools dist

$(VENV)/.synced: pyproject.toml uv.lock | $(UV)
	$(UV) sync --locked --no-install-project --inexact
	touch $@

$(VENV)/.synced-ml: pyproject.toml uv.lock tools/cpu_torch.py | $(UV)
	$(UV) sync --locked --no-install-project --inexact --extra ml --group ml
	$(BIN)/python tools/cpu_torch.py
	touch $@

$(CACHE)/uv/bin/uv:
	python3 -m venv $(CACHE)/uv
	$(CACHE)/uv/bin/pip install --quiet uv
