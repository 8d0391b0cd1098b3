"""Whether slightly changed images help a fit that trains the vision tower."""
