"""Google Cloud KMS, its inventory, Secret Manager and long-lived credentials, over projects, folders, organizations."""
