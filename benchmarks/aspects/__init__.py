"""Whether the two outputs of a reward tell what was asked for from how well it is drawn."""
