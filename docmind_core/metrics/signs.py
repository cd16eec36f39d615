"""The sign of a number that people read: `−` and not the hyphen, in tables, reasons and messages alike."""


def signed(value: float | None, form: str) -> str:
    """Return a finite number formatted as `form` says, with a true minus sign; `?` for an unknown one.

    `signed(-25.34, "+.1f")` is `−25.3`. What rounds to 0 has no minus sign.
    """
    if value is None:
        return "?"
    text = f"{value:{form}}"
    if float(text.replace(",", "")) == 0:
        return text.replace("-", "+" if form.startswith("+") else "")
    return text.replace("-", "−")


def from_to(low: float | None, high: float | None, form: str) -> str:
    """Return both ends of an interval, as `−1.2 to +3.4`."""
    return f"{signed(low, form)} to {signed(high, form)}"
