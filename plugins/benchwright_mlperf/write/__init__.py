"""Writing a submission tree: tree.py puts together what the other modules here make."""
