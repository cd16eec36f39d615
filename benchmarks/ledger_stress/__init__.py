"""Faults planted in bookings and engines, and what the ledger makes of each."""
