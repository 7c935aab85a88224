"""From the answers of a PKCS#11 module to rows of the inventory, one module a kind of thing."""
