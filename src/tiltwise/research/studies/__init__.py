"""Studies of one system's models: replication and rotation."""
