"""The stack in containers, as commands on the host meet it: through docker and compose."""
