"""From the answers of Vault and OpenBao to rows of the inventory, one module a kind of thing."""
