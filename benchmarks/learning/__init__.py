"""What comparisons teach a reward: how many, whose, which, and by what fit."""
