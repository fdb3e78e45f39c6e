"""People answer questions, in a browser or a terminal."""
