"""Many raters at once, commands beside them, and a kill of the app."""
