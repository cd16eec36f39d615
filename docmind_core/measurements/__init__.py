"""What the runs are measured by."""
