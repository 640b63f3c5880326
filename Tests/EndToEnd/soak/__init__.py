"""The promises to operators, as scenarios: short in test_resilience.py, at full length in scripts/soak."""
