"""The ORM, on both databases."""
