"""Google Cloud KMS, its inventory and Secret Manager, over projects, folders and organizations."""
