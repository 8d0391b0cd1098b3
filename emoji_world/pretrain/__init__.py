"""How the shipped weights were made: one command rebuilds all of them, resumable and seeded."""
