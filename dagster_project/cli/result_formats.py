"""Rows as CSV and JSON on stdout, for programs; text that a terminal or spreadsheet could execute is made harmless."""

import csv
import json
import math
import sys
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal

import click

from docmind_core.reports.text_safety import INVISIBLE, visible_text

_FORMULA = ("=", "+", "-", "@")


def write_csv(names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    r"""Print a header and the rows (RFC 4180, lines end in a newline); NULL is an empty field.

    Controls and direction marks are spelled out (`\x1b`), and a text that a spreadsheet would take for a formula begins
    with an apostrophe; JSON keeps both as they are.
    """
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([_field(name) for name in names])
    writer.writerows([_field(value) for value in row] for row in rows)


def write_json(names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a list with an object per row; NULL and what JSON can't hold (NaN, infinity) are null."""
    objects = [{name: _json_value(value) for name, value in zip(names, row, strict=True)} for row in rows]
    click.echo(plain_json(json.dumps(objects, ensure_ascii=False, indent=2, allow_nan=False)))


def plain_json(text: str) -> str:
    r"""Return JSON with what a terminal would obey written as `\u....`, which means the same."""
    return INVISIBLE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _field(value: object) -> object:
    if value is None or isinstance(value, bool | int | float | Decimal):
        return value
    text = visible_text(_as_text(value))
    return f"'{text}" if text.lstrip()[:1] in _FORMULA and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _as_text(value: object) -> str:
    if isinstance(value, list | dict):
        return json.dumps(_json_value(value), ensure_ascii=False)
    return value.isoformat() if isinstance(value, datetime | date | time) else str(value)


def _json_value(value: object) -> object:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    return _as_text(value)
