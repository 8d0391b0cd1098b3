"""The learning curve: what more comparisons would be worth."""
