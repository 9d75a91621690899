"""What the scripts consist of: the tour that quickstart gives, and the videos that it and the tests use."""
