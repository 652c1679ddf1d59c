"""What all tests share: hypothesis without a clock, because the machine may be busy; no store
but a test's own."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "benchwright", deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.load_profile("benchwright")

os.environ["BENCHWRIGHT_STORE"] = "off"
# As on a machine of one's own: the command line is called a thousand times.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# What this run was asked for is not meant for the tests of plugins that tests run.
os.environ.pop("PYTEST_ADDOPTS", None)
