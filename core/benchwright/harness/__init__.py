"""The loadgen side: loadgen itself (as a wheel or from source), samples, the systems under test,
settings, logs."""

INTERFACE = 2
"""Number of the harness's interface. It is part of every run's key: raise it when the same
engine, data and settings would be measured in another way."""
