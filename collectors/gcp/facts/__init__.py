"""From the answers of Google Cloud to rows of the inventory, one module a kind of thing."""
