"""The embedded Azure: endpoints over HTTPS, what they answer, and a company's vaults in it."""
