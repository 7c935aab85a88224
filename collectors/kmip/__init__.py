"""Key managers that speak KMIP, the OASIS Key Management Interoperability Protocol."""
