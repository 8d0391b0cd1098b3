"""Comparisons in the conventions of other data sets: one module per format, one record for all."""
