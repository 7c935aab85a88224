"""One file or folder a source; each has a collect half, which talks, and a normalize half, which only reads."""
