"""Checking anybody's submission tree: walk.py goes through it, one module per group of rules."""
