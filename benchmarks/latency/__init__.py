"""How long a rater waits for the next pair."""
