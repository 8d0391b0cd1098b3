"""What each part of a reward's fit is worth, on the demo's own comparisons."""
