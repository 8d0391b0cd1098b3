"""The embedded world whose truth is known: scenes of emoji, a tiny text-to-image model, a judge."""
