"""Golden tests of pipelines in pytest: a plugin, which is there where idemflow is installed."""
