"""The domain of DocMind Eval; imports no Dagster."""
