"""Questions and answers: the database of them, and the targets that objectives are told of them."""
