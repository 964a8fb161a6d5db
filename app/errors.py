"""What a person can act on, apart from the domain so that who needs no vectors need not wait for NumPy."""


class SynapseError(Exception):
    """Something failed that a person can act on: what failed, on what, and what to do.

    `what` is one sentence that names the input; `hint` is one sentence with the remedy.
    """

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(f"{what} {hint}".strip())
        self.what = what
        self.hint = hint
