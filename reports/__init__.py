"""The outputs: one file each, all made from the same material, none of which decides a verdict."""
