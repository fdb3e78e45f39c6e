"""Policies that sample action chunks, and the noise draws that score them."""
