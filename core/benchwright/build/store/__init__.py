"""The store: artifacts by content, shared by checkouts, users and CI.

    store.json                   the store's format
    entries/<2 digits>/<62>.json artifact key → the artifact's files and facts
    objects/<2 digits>/<62>      a file's content, by its sha256; never written again

Measured runs never come from here. Nothing that is wrong with a store fails a build.
"""
