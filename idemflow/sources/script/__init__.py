"""The source ``script``. NiFi's Python imports this file: it imports none."""
