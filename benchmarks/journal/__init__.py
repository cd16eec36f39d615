"""What booking a call costs, on a disk as it is and on one that takes 5 ms for each `fsync`."""
