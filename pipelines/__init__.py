"""Everything that operates Synapse."""
