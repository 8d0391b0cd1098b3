"""What a fit reads: comparisons of a snapshot, and features of their images and prompts."""
