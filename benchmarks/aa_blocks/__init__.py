"""The same arm twice, in blocks and without them."""
