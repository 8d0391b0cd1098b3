"""What happened in a workspace, as one self-contained page and as numbers."""
