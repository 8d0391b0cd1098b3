"""What an iteration costs over the network passes that it cannot do without."""
