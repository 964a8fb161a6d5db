"""Restore: plan, preflight, safety point, swap, compare, and finish or undo what a crash left."""
