"""Other tools' files of questions, read into the normal form: what `docmind import` does."""
