"""A small hardware security module of the invented company, played by SoftHSM."""
