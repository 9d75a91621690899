"""Bytes on disk: blobs and parts, on the real one and on one that fails."""
