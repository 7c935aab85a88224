"""Azure: keys, secrets and certificates of Key Vault, and keys of Managed HSM, their metadata only."""
