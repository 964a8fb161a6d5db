"""Jobs on a schedule: when each is due, run as a child, watched, shown and reported."""
