"""A user's system under stress: does its ledger still balance, and is what it can't explain named?"""
