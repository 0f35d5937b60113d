# Two commands for a newcomer: `make demo` and `make test`. Each makes its own virtual environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST = $(BIN)/python -m pytest -n 4 --dist worksteal  # four on two cores: real processes wait as much as they work
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Where no bytecode may be written every process that a test starts compiles 400 files anew.
unexport PYTHONDONTWRITEBYTECODE

# Databases of tests lie in memory where there is a folder for that with room enough.
export PYTEST_DEBUG_TEMPROOT := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 2000000 {print $$6}')

.PHONY: demo test postgresql browser lint types torture bench catalogues lock clean

demo: $(VENV)/.run
	$(BIN)/loa demo

test: $(VENV)/.dev
	$(PYTEST) -m "not torture and not browser and not postgresql"

postgresql: $(VENV)/.dev
	TEST_REQUIRE_POSTGRES=1 $(PYTEST) -m "postgresql and not torture"

browser: $(VENV)/.dev
	$(BIN)/python -m pytest -m browser tests/web tests/reports

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

torture: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 -m torture --ignore=tests/torture/test_torture_rate.py
	$(BIN)/python -m pytest -m torture tests/torture/test_torture_rate.py

bench: $(VENV)/.dev
	for file in bench/*_bench.py; do $(BIN)/python $$file || exit 1; done

catalogues: $(VENV)/.dev
	$(BIN)/python tools/compile_catalogues.py

lock:
	tools/lock.sh

# Locked and hashed; nothing is built from unpinned parts (hatchling is in the lock too).
$(VENV)/.run: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL) --no-build-isolation --no-deps -e .
	touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --require-hashes -r requirements-dev.lock
	$(INSTALL) --no-build-isolation --no-deps -e .
	$(BIN)/python -m pytest --collect-only -qq >/dev/null  # compiles the tests, once instead of in each process
	touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) .pytest_cache .hypothesis .mypy_cache .ruff_cache dist
