"""What the recording proxy costs."""
