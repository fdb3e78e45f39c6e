"""Labels in the files of other projects; one format a file."""
