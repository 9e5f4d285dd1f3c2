"""A source for idemflow that counts: an example of a package that adds a source.

This file imports nothing: NiFi's Python imports it above ``step``, and may lack what ``model``
and ``draw`` need.
"""
