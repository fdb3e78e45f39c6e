"""Episodes in the file formats of other projects; one file a format."""
