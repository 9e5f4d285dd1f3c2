"""What the types that idemflow draws have in each release of NiFi: ``nifi-VERSION.json``."""
