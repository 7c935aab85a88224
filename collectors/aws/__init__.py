"""AWS: keys, secrets, access keys, certificates and what keys encrypt, their metadata only."""
