"""Random weights and random pictures in the official forms: for speed, they mean nothing."""
