"""Controls and frameworks, the loader that refuses what could hide an unknown, and the engine that judges."""
