"""Virtual smart meters: registers, P1 telegrams and the adapters that carry them.

Written from the companion standards alone and without a line of the bridge's code, so that a
misreading of the format on one side shows as a failure instead of agreeing with itself.
"""
