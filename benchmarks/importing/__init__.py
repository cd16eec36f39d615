"""What `docmind import` takes for large sources."""
