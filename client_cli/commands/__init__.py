"""The commands of `youku`, one file per group. They talk to people; what they do is done by the library."""
