"""Guardian watch: looks for attacks, tells people, and freezes or tightens where that is allowed.

It can stop trading in a zone, freeze a feed or a zone's quotes, or switch a feed to its approved
fallback, each for a while. It cannot undo any of these: only time and governance loosen.
"""
