"""What the stages' recipes do: one module per kind of work. Planning lives in benchwright_tasks."""
