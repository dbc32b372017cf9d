"""Floor 5: what a person sees and types."""
