"""One module per command: read the arguments first, import what is heavy after."""
