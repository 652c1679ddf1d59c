"""The tiny presets of the language benchmarks: files, cards, and the scripts that made them."""
