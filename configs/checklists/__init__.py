"""Checklists of tasks, see `robopref.checklists.checklist`."""
