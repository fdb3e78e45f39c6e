"""What is kept on disk: episodes, the training cache made from them, and the database of questions and answers."""
