"""The logic of one module each; the steps of a worker over what is outside as a test tells it to answer."""
