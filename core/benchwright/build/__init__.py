"""The build engine: recipes, artifacts, state and the doit runner. It knows no stage."""
