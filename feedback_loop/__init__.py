"""One round after another: generate, compare, fit, tune, measure, report."""
