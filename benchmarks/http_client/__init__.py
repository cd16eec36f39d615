"""Which HTTP client should carry the calls of the model?"""
