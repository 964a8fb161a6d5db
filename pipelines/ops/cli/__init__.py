"""The command `synapse`: arguments in, a flow called, data on stdout and talk on stderr."""
