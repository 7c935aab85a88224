"""What each kind of managed object of a KMIP server comes to."""
