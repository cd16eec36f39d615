"""What each number is: its name, unit, range and definition."""
