"""Which modules are searched for doctests, and what tests have of libraries that not every machine has."""

from __future__ import annotations

from importlib.util import find_spec

# Torch brings Triton along for GPUs alone.
collect_ignore = [] if find_spec("triton") else ["dse/networks/triton_routing.py"]
# A machine that only trains has no database.
pytest_plugins = ["tests.databases"] if find_spec("alembic") else []
