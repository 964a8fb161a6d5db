"""The jobs that a Dagger engine runs: what they consist of, how they run, and what they report."""
