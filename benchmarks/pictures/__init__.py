"""The documents' pictures: what the world looks like, and the page on which people compare."""
