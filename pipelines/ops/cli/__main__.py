"""`python -m pipelines.ops.cli`: the command `synapse` where it is not on the path."""

from pipelines.ops.cli.main import run

run()
