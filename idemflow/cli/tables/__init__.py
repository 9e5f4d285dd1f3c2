"""Tables and progress for people, with rich."""
