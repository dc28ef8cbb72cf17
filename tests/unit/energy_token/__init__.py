"""Unit tests of EnergyToken."""
