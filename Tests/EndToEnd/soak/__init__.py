"""The figures that must hold, as scenarios: short in test_resilience.py, in full in scripts/soak."""
