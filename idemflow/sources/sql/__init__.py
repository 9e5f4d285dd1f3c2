"""The source ``sql``. NiFi's Python imports this file: it imports none."""
