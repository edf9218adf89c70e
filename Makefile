.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
PYTHON3 ?= python3
# The CPU wheel; newer versions may come as gigabytes of CUDA. On a GPU: make TORCH=torch …
TORCH ?= torch==2.13.0
# Tensors of a training step are large and short-lived: keep their memory instead of returning it.
TRAIN := MALLOC_TRIM_THRESHOLD_=8000000000 MALLOC_MMAP_THRESHOLD_=4000000000 $(BIN)/marsad-train
RUN ?= runs/small

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/infer  ## Set up inference and tag the sample articles
	$(BIN)/marsad tag data/samples --format text

test: $(VENV)/all  ## Set up everything and run the tests
	$(BIN)/python -m pytest

lint: $(VENV)/all  ## Formatting, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test  ## All that must pass

bench: $(VENV)/all  ## Measure the speed beside transformers' pipelines
	$(BIN)/marsad-train bench

chaos: $(VENV)/all  ## Kill runs over an archive 100 times, and compare with unbroken ones
	$(BIN)/python tests/chaos.py

fix: $(VENV)/all  ## Format, and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

serve: $(VENV)/serve  ## Serve over HTTP, with a page for people, on http://127.0.0.1:8000
	$(BIN)/marsad serve --config configs/serve.toml

load: $(VENV)/all  ## Load a server of our own: 64 clients for a minute, overload, SIGTERM
	$(BIN)/python tests/server/load.py --clients 64 --seconds 60

soak: $(VENV)/all  ## The same for an hour, at moderate load
	$(BIN)/python tests/server/load.py --soak --seconds 3600

hostile: $(VENV)/all  ## Send a server of our own 10,000 hostile requests
	$(BIN)/python tests/server/hostile.py 10000

train: $(VENV)/all  ## Train on data/corpus and export the bundle (resumes where it was)
	$(TRAIN) run configs/small.toml --set output=$(RUN)
	$(TRAIN) export $(RUN) $(RUN)/bundle
	$(BIN)/marsad evaluate data/corpus/test.jsonl --model $(RUN)/bundle

model: $(VENV)/all  ## Build the default model anew in runs/news/bundle: hours; needs ../shared/corpora (resumes)
	$(TRAIN) pretrain configs/pretrain.toml
	$(TRAIN) run configs/news.toml
	$(TRAIN) export runs/news runs/news/bundle
	$(BIN)/marsad evaluate ../shared/corpora/news/dev.jsonl --model runs/news/bundle --noise

clean:  ## Remove what was built, but no training run
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON3) -m venv $(VENV)

$(VENV)/infer: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/serve: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[serve]'
	@touch $@ $(VENV)/infer

$(VENV)/all: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check '$(TORCH)'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[formats,ray,serve,train,dev]'
	@touch $@ $(VENV)/infer $(VENV)/serve

.PHONY: help run test lint check bench chaos fix serve load soak hostile train model clean
