"""Transfers and their bytes, whatever happens: links that break, disks that fail or are full, kills, power losses."""
