"""Benchwright's own measurements, one module each.

A benchmark's module has `run(quick, note)`, called in the process of `run.py`: a Result or a list
of them. Those that use loadgen also have `measure(spec)`, one round, called in a process of its
own. `registry` names them all.
"""
