"""Where records come from: a folder a source. NiFi's Python imports this file: it imports none."""
