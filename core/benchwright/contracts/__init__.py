"""The contracts between core and plugins: plain types, no behaviour, nothing heavy to import."""
