# Everything from a fresh machine: `make demo` and `make test` install what they need into $(VENV) first.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
DEMO := runs/demo

.PHONY: demo test test-shapes test-all-shapes lint docs bench bench-training clean

$(BIN)/sparring: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.'
	@touch $@

$(VENV)/.dev: pyproject.toml $(BIN)/sparring
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# Five minutes of training on the garments that come with the package, then pictures of what was learned.
demo: $(BIN)/sparring
	rm -rf $(DEMO)
	$(BIN)/sparring train cgan --data fashion10k --minutes 5 --out $(DEMO)
	$(BIN)/sparring sample $(DEMO) --label all -n 10 --seed 0 --out $(DEMO)/garments.png
	$(BIN)/sparring interpolate $(DEMO) --seeds 1 --labels 1 3 8 9 1 --out $(DEMO)/walk.gif
	$(BIN)/sparring pack $(DEMO) $(DEMO)/garments.safetensors
	$(BIN)/sparring judge $(DEMO) --samples 2000
	-$(BIN)/sparring diagnose $(DEMO)
	@echo
	@echo "Look at $(DEMO)/garments.png (a row for each class), $(DEMO)/walk.gif, $(DEMO)/samples/timelapse.gif, $(DEMO)/report.html and $(DEMO)/diagnosis/report.html"

# What runs models in browsers, for the tests of exported pages; without npm these are skipped, and say so.
export SPARRING_ONNXRUNTIME_WEB := $(abspath $(VENV))/web/node_modules/onnxruntime-web
$(VENV)/.web: $(VENV)/.dev
	-if command -v npm > /dev/null; then npm install --silent --no-save --prefix $(VENV)/web onnxruntime-web@1; fi
	@touch $@

# two workers, each with a half of the tests in their order, so that what a file's tests share is made once; who is done first takes of the rest
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist worksteal
test: $(VENV)/.dev $(VENV)/.web
	$(PYTEST)

# the same tests, with the shapes and types in every signature checked at every call: half as long again. CI has twenty minutes, so it leaves
# out the longest, and those of commands, pages, documents and other processes, which call what others call, too.
NO_SHAPES := documents interruption golden_messages openmp architecture cli translating translation playground coaching usage verbs memory \
  outputs file_kinds train devices
NO_SHAPES_BELOW := exporting studio judge/test_judgement.py judge/test_failures.py judge/test_published_statistics.py judge/test_extractors.py \
  judge/test_paired.py judge/test_comparing.py tables/test_table_judge.py tables/test_table_models.py tables/test_table_extras.py \
  tables/test_private_tables.py series/test_series_advice.py
test-shapes: $(VENV)/.dev
	$(PYTEST) --jaxtyping-packages=sparring,support.typechecking.check -m "not long" $(NO_SHAPES:%=--ignore tests/test_%.py) $(NO_SHAPES_BELOW:%=--ignore tests/%)

# all of them
test-all-shapes: $(VENV)/.dev
	$(PYTEST) --jaxtyping-packages=sparring,support.typechecking.check

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

# the site, in docs/_build/html; a warning is an error
docs: $(VENV)/.dev
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/step.py
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/beside_others.py
	$(BIN)/python benchmarks/health_measurements.py
	$(BIN)/python benchmarks/loading.py
	$(BIN)/python benchmarks/footprint.py
	$(BIN)/python benchmarks/kills.py
	$(BIN)/python benchmarks/playground.py
	$(BIN)/python benchmarks/studio.py
	$(BIN)/python benchmarks/unrolling.py
	$(BIN)/python benchmarks/judge.py
	$(BIN)/python benchmarks/styles.py --rounds 3
	$(BIN)/python benchmarks/translation.py --rounds 3
	$(BIN)/python benchmarks/translate.py

# hours: what each way to play is worth
bench-training: $(VENV)/.dev
	$(BIN)/python benchmarks/modes.py
	$(BIN)/python benchmarks/sabotage.py
	$(BIN)/python benchmarks/coach.py --seeds 3
	$(BIN)/python benchmarks/conditions.py
	$(BIN)/python benchmarks/stacked.py
	$(BIN)/python benchmarks/budget.py
	$(BIN)/python benchmarks/translators.py

clean:
	rm -rf $(VENV) runs
