"""Sparse replication in five stages, each reading the files of the one before."""
