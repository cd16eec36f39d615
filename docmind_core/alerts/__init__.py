"""Rules, their lifecycle, delivery."""
