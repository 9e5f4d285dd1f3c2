"""The source ``files``. NiFi's Python imports this file: it imports none."""
