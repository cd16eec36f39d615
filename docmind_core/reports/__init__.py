"""Reports in HTML, Markdown and JSON."""
