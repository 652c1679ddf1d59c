"""Models that are merely tried: any ONNX file or Hugging Face model as a benchmark of the plan.

A tried model is a *description*, a JSON file in `build/try/shared/tried`: what was asked for, which
files the model is made of, and how its inputs are made up. From a description comes a benchmark
with the one preset `tried`, of which everything else of Benchwright knows nothing in particular: it
has the usual tasks, and its results are marked preliminary.

`resolve` finds what is meant by a MODEL, `hub` fetches and `export` converts it, `onnxfile` reads
a graph's inputs, `inputs` understands them, `described` keeps the description, `benchmark` is the
benchmark made from one, and `campaign` the campaign that runs it.
"""
