"""The bundled query set `python-reference`: the language reference that ships with every Python."""
