"""The contracts of providers: one a file."""
