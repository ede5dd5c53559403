# Lichen's few commands. `make run` and `make test` need Python 3.11+ and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_ARGUMENTS ?=
FUZZ_SECONDS ?= 300

.PHONY: run test lint bench thesis models fuzz clean

$(VENV)/core.stamp: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/core.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@

run: $(VENV)/core.stamp  ## replay the lab through the real pipeline, print the loop, open the console
	$(BIN)/lichen loop $(RUN_ARGUMENTS)

test: $(VENV)/dev.stamp  ## lint, types and every test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict

bench: $(VENV)/dev.stamp  ## each claim beside a floor or a peer measured in the same run
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/belief.py
	$(BIN)/python benchmarks/oracle.py --pairs 1000000
	$(BIN)/python benchmarks/matcher.py
	$(BIN)/python benchmarks/indicators.py
	$(BIN)/python benchmarks/sigma.py

captures: $(VENV)/dev.stamp  ## who names which attack capture of the public sets (docs/captures.md)
	$(BIN)/python benchmarks/captures.py

thesis: $(VENV)/dev.stamp  ## both tables of docs/evaluation.md, on judge
	$(BIN)/python benchmarks/thesis.py

clean:
	rm -rf $(VENV) .lichen build dist

models: $(VENV)/dev.stamp  ## fit every model that ships on the lab's recordings again; PUBLIC_DATA=FOLDER adds public sets
	$(BIN)/python -m lichen.run.build $(if $(PUBLIC_DATA),--public-data $(PUBLIC_DATA))

fuzz: $(VENV)/dev.stamp  ## every fuzz target for FUZZ_SECONDS; FUZZ_TARGETS="regexes feeds" names some (docs/fuzzing.md)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "atheris>=3.0"
	$(BIN)/python -m fuzz.run --seconds $(FUZZ_SECONDS) $(FUZZ_TARGETS)
