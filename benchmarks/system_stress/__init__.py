"""A system of the user under stress: does its ledger still balance, and is what it can't explain named?"""
