"""Containers: the engine, how they are started, tunnels into them, known images."""
