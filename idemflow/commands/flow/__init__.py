"""A verb of ``idemflow flow`` a file: versions of flows in git."""
