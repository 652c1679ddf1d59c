"""Official presets in miniature: small files in the official formats, and what they must come to.

One module for each family, with `make(folder)`; `plugin` is what Benchwright loads in their
place of the built-in descriptors.
"""
