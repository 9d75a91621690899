"""Bytes on disk: blobs (published, named by their hash) and parts (unfinished uploads)."""
