"""The paper's experiments in miniature, on the emoji world, where the truth is known."""
