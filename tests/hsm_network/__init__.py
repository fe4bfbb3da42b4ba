"""An HSM across a network of the tests' own: network.py. What is tried on it: recovery_test.py, soak.py."""
