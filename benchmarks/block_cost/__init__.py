"""What blocks cost a benchmark."""
