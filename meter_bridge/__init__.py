"""From a meter's telegram to a signed reading on chain: read, check, sign, store, submit.

The bridge stores before it sends and never changes what a meter said. See `docs/meter-bridge.md`.
"""
