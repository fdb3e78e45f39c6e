"""Ways of breaking robopref, one a file: each has ``measure(share)``, which returns records."""
