"""One module per style; each has a `draw` that takes a brief and returns the picture and its colours."""
