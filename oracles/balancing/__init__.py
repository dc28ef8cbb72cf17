"""Balancing keeper: brings what the oracles see to what devices do, and has it paid.

Anybody may make each of its calls, and the contracts verify every one of them: the keeper only sees
to it that they happen, each in the next block.
"""
