"""The bundled query set `facts`: short documents about invented things, written by code from a seed."""
