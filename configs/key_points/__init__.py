"""Families of key points of checklists, see `robopref.checklists.vocabulary`."""
