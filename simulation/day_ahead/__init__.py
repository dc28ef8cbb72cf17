"""Replay of a recorded day-ahead market through the sealed auction's contract."""
