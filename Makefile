# demo: a first study on built-in data.  test: all tests.  lint: style and types.  chaos: a study under fifty kills.
# fuzz: twenty times the spoilt files of the tests.  docs: the site, into build/site; a warning fails it.
PYTHON ?= python3
DSE := .venv/bin/dse

.PHONY: demo chaos test fuzz docs lint format clean

demo: .venv/.installed
	$(DSE) explore quickstart
	@echo "Open results/quickstart/report.html"

# Three at once on two cores, since some tests wait for servers and other processes. In the order of the modules: those of
# the fewest tests take longest, and one worker would do them last, alone.
test: .venv/.installed
	.venv/bin/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder

chaos: .venv/.installed
	.venv/bin/python -m tests.runners.chaos --rounds 50

fuzz: .venv/.installed
	.venv/bin/python -m pytest -n 2 tests/fuzz --hypothesis-profile=fuzz --hypothesis-show-statistics

docs: .venv/.installed
	.venv/bin/python -m mkdocs build --strict

lint: .venv/.installed
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

format: .venv/.installed
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

.venv/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "dse needs Python 3.11 or newer; set PYTHON, as in: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
