"""The same Function over many inputs."""
