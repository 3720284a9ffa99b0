"""The profile of ``make fuzz`` must be known before hypothesis is asked for it."""

from __future__ import annotations

import tests.fuzz.limits  # noqa: F401
