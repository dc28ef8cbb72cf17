"""Unit tests of Settlement."""
