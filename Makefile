# Each target sets up what it needs. Stamps in .venv keep it from happening twice:
# they are older than pyproject.toml when there is something to do again.

SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
BENCH := .bench-venv
FLOWS := .bench-flows
TYPED := netflux_nb $(wildcard tests/types)
NOTEBOOKS := $(wildcard notebooks/*.ipynb)
OLDER := .kernel-6.31
OLDER_LAB := .jupyter-4.4
# Much of a test's time is waiting: for a kernel, a page, a server. A file's tests stay together.
PARALLEL := -n 2 --dist loadfile

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: setup fix check quick oldest newest lowest windows macos test bench demo lab lessons docs gallery mutants outbox-kills widgets panel widgets-check
.DEFAULT_GOAL := setup

setup: $(VENV)/.dev

$(VENV)/.made: .ci/venv
	.ci/venv $(VENV)
	@touch $@

$(VENV)/.base: $(VENV)/.made pyproject.toml
	$(PY) -m pip install --quiet --editable .
	@touch $@

# One after the other: two pips must not write into one environment at a time.
$(VENV)/.test: $(VENV)/.base
	$(PY) -m pip install --quiet --group test
	@touch $@

$(VENV)/.dev: $(VENV)/.test
	$(PY) -m pip install --quiet --group dev
	@touch $@

fix: $(VENV)/.dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

check: $(VENV)/.dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy $(TYPED)
# What is not there on other systems is no name to a type checker either.
	$(PY) -m mypy --platform win32 --cache-dir .mypy_cache/win32 --no-warn-unreachable netflux_nb
	$(PY) -m mypy --platform darwin --cache-dir .mypy_cache/darwin --no-warn-unreachable netflux_nb
	$(VENV)/bin/basedpyright --level error
	$(PY) extensions/hashes.py
	$(PY) extensions/look.py

# Builds the browser code into the package. What was built is committed: only this needs node.
widgets: extensions/node_modules/.made $(VENV)/.base
	$(PY) extensions/look.py --write
	cd extensions && npm run build

# Builds the JupyterLab panel into the package, as above.
panel: extensions/lab/node_modules/.made
	cd extensions/lab && npm run build

extensions/lab/node_modules/.made: extensions/lab/package-lock.json
	cd extensions/lab && npm ci --no-audit --no-fund
	@touch $@

# Where there is no node, the hash of the sources has to do: `make check` compares it.
widgets-check:
ifneq ($(shell command -v npm),)
	$(MAKE) extensions/node_modules/.made extensions/lab/node_modules/.made
	cd extensions && npm run check && npm test
	cd extensions/lab && node_modules/.bin/tsc
endif

extensions/node_modules/.made: extensions/package-lock.json
	cd extensions && npm ci --no-audit --no-fund
	@touch $@

# The older ipykernel, whose kernels people have too, over all else that the tests have.
$(OLDER)/.made: $(VENV)/.test
	$(PY) -m venv --without-pip $(OLDER)
	$(PY) -m pip --python $(OLDER) install --quiet --no-deps 'ipykernel==6.31.*'
	$(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	  > "$$(echo $(OLDER)/lib/python*/site-packages)/main.pth"
	@touch $@

# The oldest JupyterLab and Notebook that the panel is for, over all else likewise. What brings
# browser code or settings of the server is put there too: Jupyter looks for those by its prefix.
$(OLDER_LAB)/.made: $(VENV)/.test
	$(PY) -m venv --without-pip $(OLDER_LAB)
	$(PY) -m pip --python $(OLDER_LAB) install --quiet --no-deps 'jupyterlab==4.4.*' \
	  'notebook==7.4.*' notebook_shim jupyter-lsp jupyter-server-terminals \
	  anywidget jupyterlab_widgets
	$(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	  > "$$(echo $(OLDER_LAB)/lib/python*/site-packages)/main.pth"
	@touch $@

# For everybody who changes a line: no browser, and nothing that takes over a quarter of a second.
QUICK := -m "not slow and not lab" $(PARALLEL)

quick: $(VENV)/.test
	$(PY) -m pytest $(QUICK)

# Rooms whose tests turn on the version of Python or of a library.
VERSIONED := tests/core tests/replay tests/record tests/state tests/studies tests/flows tests/record/test_dataframes.py \
  tests/test_run.py tests/test_shown.py tests/test_pythons.py

# These on the oldest and the newest Python at hand, and with the lowest versions that
# pyproject.toml allows, where the SDKs of the providers are tried too.
oldest newest: %: .quick-%/.made
	.quick-$*/bin/python -m pytest -p no:cacheprovider $(QUICK) $(VERSIONED)

lowest: %: .quick-%/.made
	.quick-$*/bin/python -m pytest -p no:cacheprovider $(QUICK) $(VERSIONED) tests/providers

.quick-%/.made: $(VENV)/.test .ci/quick-venv
	.ci/quick-venv $*
	@touch $@

# Record, replay and lessons where the names of another system are missing, and what is there
# does as it does there. Child processes and kernels are on that system too. macOS differs less.
# `make windows ALL=1` takes all tests of replay.
SIMULATED = tests/record tests/state $(if $(ALL),tests/replay,tests/replay/test_replay.py) \
  $(if $(filter windows,$@),tests/test_session.py tests/test_run.py)

windows macos: $(VENV)/.test
	NETFLUX_SYSTEM=$@ PYTHONPATH=tests/systems $(PY) -m pytest $(QUICK) $(SIMULATED)
	NETFLUX_SYSTEM=$@ PYTHONPATH=tests/systems $(PY) -m pytest \
	  -k "lesson_runs and (00_ or 01_ or 02_ or 03_ or 04_)" tests/test_lessons.py

test: $(VENV)/.test $(OLDER)/.made $(OLDER_LAB)/.made
	.ci/browser
	NETFLUX_KERNELS="$(CURDIR)/$(OLDER)/bin/python" \
	  NETFLUX_JUPYTERS="$(CURDIR)/$(OLDER_LAB)/bin/python" $(PY) -m pytest $(PARALLEL)
ifneq ($(NOTEBOOKS),)
# The cells of a notebook stay in order, and find no key. Their runs are kept elsewhere.
	env -u ANTHROPIC_API_KEY -u GEMINI_API_KEY -u GOOGLE_API_KEY -u OPENAI_API_KEY \
	  NETFLUX_HOME="$$(mktemp -d)" $(PY) -m pytest -p no:randomly -W default --timeout=600 \
	  --nbval --nbval-current-env --nbval-cell-timeout=120 $(NOTEBOOKS)
endif

# What a person has who installs the package with JupyterLab.
$(VENV)/.lab: $(VENV)/.base
	$(PY) -m pip install --quiet --editable ".[lab,mcp]"
	@touch $@

# Lessons 00 and 05 in real kernels, without a key, into pages: watched, killed, gone on with,
# served again, changed.
demo: $(VENV)/.lab
	$(PY) notebooks/lessons.py html build 00 05

# In a container one often is root, which Jupyter refuses unless told.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

lab: $(VENV)/.lab
	$(PY) -m jupyterlab $(AS_ROOT) notebooks/00_tour.ipynb

# Runs the lessons and stores what they show. Look at the difference before you commit it.
lessons: $(VENV)/.test
	$(PY) notebooks/lessons.py store

# The examples in docstrings and in the README run.
docs: $(VENV)/.test
	$(PY) -m pytest --doctest-modules netflux_nb tests/test_docs.py

# Every view in every form, live ones and a run's page beside them: look at them.
gallery: $(VENV)/.test
	$(PY) tests/show/gallery.py build/gallery

# Transactions with an outbox, killed more often than in a test run.
outbox-kills: $(VENV)/.test
	NETFLUX_OUTBOX_KILLS=$(or $(KILLS),400) $(PY) -m pytest -s --timeout=7200 \
	  tests/crash/test_kill_outbox.py

# Breaks the code in a sample of places, or at `AT="fold.py:81 …"`; names each that no quick test
# notices. Not in CI.
mutants: $(VENV)/.dev
	nice -n 19 $(PY) tests/mutants.py $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED)) \
	  $(if $(SLOW),--slow) $(if $(AT),--at $(AT))

$(BENCH)/.made: .ci/venv pyproject.toml $(wildcard benchmarks/requirements.txt)
	.ci/venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --editable . \
	  $(addprefix --requirement ,$(wildcard benchmarks/requirements.txt))
	@touch $@

# This peer wants an older DuckDB than we do.
$(FLOWS)/.made: .ci/venv
	.ci/venv $(FLOWS)
	$(FLOWS)/bin/python -m pip install --quiet agentic-flows==0.1.1
	@touch $@

bench: $(BENCH)/.made $(FLOWS)/.made
	$(BENCH)/bin/python -m benchmarks --write
