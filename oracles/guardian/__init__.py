"""Guardian watch: looks for attacks, tells people, and freezes or tightens where that is allowed.

It can stop trading in a zone for a while, freeze a feed for a while, or switch a feed to its
approved fallback for a while. It cannot undo any of these: only time and governance loosen.
"""
