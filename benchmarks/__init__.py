"""Benchmarks: requests, time and memory of each step, measured on the real command."""
