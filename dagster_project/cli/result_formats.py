"""Rows as CSV and JSON on stdout, for programs."""

import csv
import json
import math
import sys
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal

import click


def write_csv(names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a header and the rows (RFC 4180, lines end in a newline); NULL is an empty field."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_field(value) for value in row] for row in rows)


def write_json(names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a list with an object per row; NULL and what JSON can't hold (NaN, infinity) are null."""
    objects = [{name: _json_value(value) for name, value in zip(names, row, strict=True)} for row in rows]
    click.echo(json.dumps(objects, ensure_ascii=False, indent=2, allow_nan=False))


def _field(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime | date | time) else value


def _json_value(value: object) -> object:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    return str(_field(value))
