"""What a fit costs in seconds and memory: features computed, and features kept."""
