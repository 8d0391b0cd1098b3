"""Is it the comparisons that taught it? The demo and its control, seed by seed."""
