"""AWS: KMS keys, Secrets Manager secrets and SSM SecureString parameters, their metadata only."""
