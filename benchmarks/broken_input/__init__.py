"""What `docmind check` takes for broken files."""
