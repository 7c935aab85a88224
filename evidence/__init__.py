"""The ground floor: observations, the inventory's tables, gaps, the store and the manifest."""
