"""Which modules are searched for doctests."""

from __future__ import annotations

from importlib.util import find_spec

# Torch brings Triton along for GPUs alone.
collect_ignore = [] if find_spec("triton") else ["dse/networks/triton_routing.py"]
