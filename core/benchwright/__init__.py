"""Benchwright builds and runs MLPerf Inference benchmarks the way Make builds programs."""

__version__ = "0.1.0"
