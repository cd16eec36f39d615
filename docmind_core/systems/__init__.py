"""Systems under test that the user brings, in processes of their own: how they are started, asked and ended."""
