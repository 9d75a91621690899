"""The load tester: thousands of made-up clients on one loop. See docs/loadtest.md.

It may lean on the kernel, which knows no protocol, and on what every client shares; nothing but its own command imports
it, so that the others start as quickly as without.
"""
