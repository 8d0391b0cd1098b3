"""Rewards that others have published, without their packages: weights from the hub or a file."""
