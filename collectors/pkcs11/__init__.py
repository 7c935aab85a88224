"""PKCS#11: hardware security modules, smart cards and software tokens, through their own modules."""
