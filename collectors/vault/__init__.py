"""HashiCorp Vault and OpenBao: the server's seal and barrier key, and the keys and secrets of its mounts."""
