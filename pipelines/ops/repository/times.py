"""The rules by which a backup and a prune stay out of each other's way: pure, and checked as a model.

Every time is in seconds by the store's own clock. What they rest on: no single request to the store, and no
step from a look at that clock to the request that relies on it, takes longer than `turn`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Times:
    """How long a list of condemned objects waits (`grace`), and the longest that one step takes (`turn`)."""

    grace: float = 12 * 3600.0
    turn: float = 600.0

    def condemned(self, written: float, listed: float) -> bool:
        """Tell whether an object that a list names was put before that list, and not again since."""
        return written < listed

    def ripe(self, listed: float, now: float) -> bool:
        """Tell whether what a list of that age condemns may be deleted, where no point needs it."""
        return now >= listed + self.grace

    def fresh(self, written: float, now: float) -> bool:
        """Tell whether an object is so young that a backup under way may have put it: it is not condemned."""
        return now < written + self.grace

    def may_publish(self, began: float, now: float) -> bool:
        """Tell whether a backup that looked at its objects since `began` may put its manifest now.

        A list that it did not see was put a turn before at the earliest; the manifest is there a turn after.
        """
        return now < began + self.grace - 2 * self.turn

    def published_in_time(self, began: float, now: float) -> bool:
        """Tell whether a manifest that is there now was there before any unseen list could be ripe."""
        return now < began + self.grace - self.turn

    def may_delete(self, recorded: float, now: float) -> bool:
        """Tell whether a prune whose record has that time may look at objects, and delete within a turn."""
        return now <= recorded + self.turn

    def deleting(self, recorded: float, now: float) -> bool:
        """Tell whether a prune whose record has that time, and is still there, may be deleting."""
        return now <= recorded + 2 * self.turn
