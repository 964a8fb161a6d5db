"""The checklist: what of Synapse works, what does not, and why."""
