# Otklik. `make` lists what can be done. Nothing here needs root; everything Python lives in .venv.
.DEFAULT_GOAL := help
.SUFFIXES:
.DELETE_ON_ERROR:
SHELL := /bin/sh

PYTHON ?=
PY := .venv/bin/python
COMPOSE := docker compose -f deploy/compose.yaml
LOCK := .venv/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url
SERVICES := ingest classifier routing

# For `make run`: a file to replay instead of the sample, events a second, and where the services listen.
REPLAY ?=
RATE ?=
INGEST_PORT ?=
CLASSIFIER_PORT ?=
ROUTING_PORT ?=
# STANDINS=no leaves out the test doubles of the platforms; else, where they listen. What is neither is refused: with a
# yes that was meant as a no, real sources would not be read.
STANDINS ?= yes
YES := yes Yes YES true True TRUE on On ON 1
NO := no No NO false False FALSE off Off OFF 0
NO_STANDINS = $(if $(filter $(NO),$(STANDINS)),--no-standins,$(if $(filter-out $(YES),$(STANDINS)),$(error \
	STANDINS=$(STANDINS) is neither yes, true, on or 1 nor no, false, off or 0)))
STANDIN_VK_PORT ?=
STANDIN_TELEGRAM_PORT ?=
STANDIN_MAX_PORT ?=
STANDIN_OK_PORT ?=
RUN_ENV = $(if $(INGEST_PORT),OTKLIK_INGEST_PORT=$(INGEST_PORT)) \
	$(if $(CLASSIFIER_PORT),OTKLIK_CLASSIFIER_PORT=$(CLASSIFIER_PORT)) \
	$(if $(ROUTING_PORT),OTKLIK_ROUTING_PORT=$(ROUTING_PORT)) \
	$(if $(STANDIN_VK_PORT),OTKLIK_STANDIN_VK_PORT=$(STANDIN_VK_PORT)) \
	$(if $(STANDIN_TELEGRAM_PORT),OTKLIK_STANDIN_TELEGRAM_PORT=$(STANDIN_TELEGRAM_PORT)) \
	$(if $(STANDIN_MAX_PORT),OTKLIK_STANDIN_MAX_PORT=$(STANDIN_MAX_PORT)) \
	$(if $(STANDIN_OK_PORT),OTKLIK_STANDIN_OK_PORT=$(STANDIN_OK_PORT))
# What pytest is to run, and with which options: make test TESTS=tests/unit PYTEST=-x
TESTS ?= tests
PYTEST ?=
# How many processes share the tests: they wait more than they compute, so two cores bear three.
WORKERS ?= 3

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  make run REPLAY=comments.ndjson RATE=50 STANDINS=no INGEST_PORT=9001 CLASSIFIER_PORT=9002 ROUTING_PORT=9003"

.PHONY: setup
setup: ## Make .venv from requirements.lock (PYTHON=… names the interpreter)
	@PYTHON="$(PYTHON)" deploy/setup.sh

.PHONY: run
run: setup ## Run everything on this machine with the sample region (Ctrl-C stops it)
	@$(RUN_ENV) exec $(PY) -m deploy.local $(if $(REPLAY),--replay "$(REPLAY)") $(if $(RATE),--rate $(RATE)) \
		$(NO_STANDINS)

.PHONY: test
test: setup ## Run the tests that need no Docker (TESTS=path PYTEST=options WORKERS=3)
	$(PY) -m pytest -m "not docker" -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST) $(TESTS)

.PHONY: test-docker
test-docker: setup ## Run the tests that need a Docker engine (skipped, visibly, without one)
	OTKLIK_TEST_DOCKER=1 TESTCONTAINERS_RYUK_DISABLED=true $(PY) -m pytest -m docker $(PYTEST) $(TESTS)

.PHONY: lint
lint: setup ## Check style, formatting, types and who may import whom
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports

.PHONY: bench
bench: setup ## Measure rates and latencies on this machine (minutes; needs it to itself)
	$(PY) -m tests.bench

.PHONY: lock
lock: setup ## Write requirements.lock and deploy/locks/*.txt anew from pyproject.toml
	$(LOCK) --all-extras --output-file requirements.lock $(UPGRADE) pyproject.toml
	@for service in $(SERVICES); do \
		extras="--extra $$service"; [ $$service != classifier ] || extras="$$extras --extra careful"; \
		$(LOCK) $$extras --constraint requirements.lock --output-file deploy/locks/$$service.txt pyproject.toml || exit 1; \
	done

.PHONY: up
up: ## Build the images and start everything under Docker Compose
	$(COMPOSE) build
	$(COMPOSE) up --detach --wait --wait-timeout 300

.PHONY: down
down: ## Stop what `make up` started; what was stored stays
	$(COMPOSE) down --remove-orphans

.PHONY: sample
sample: ## Load the sample region and its week of comments into what `make up` started
	@deploy/compose/sample.sh

.PHONY: key
key: ## Print the administrator's key of what `make up` started (make -s key: nothing else)
	@$(COMPOSE) run --rm --no-deps --no-TTY --quiet-pull key
