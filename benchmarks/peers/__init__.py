"""Servers that Youku is measured beside and that are libraries by themselves: each file is the program around one."""
