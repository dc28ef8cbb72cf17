"""The local live day: every process of the platform at once, at 60 times the speed of life.

A supervisor starts processes and starts them again when they die; each takes its time from the
chain, and none of them drives another.
"""
