"""How a fit learns: losses, the training loop, its checkpoints, and when it ends."""
