"""What data look like: guesses, each with what it is founded on, and keys that are proved."""
