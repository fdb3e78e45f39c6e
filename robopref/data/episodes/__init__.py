"""Episodes on disk, the training cache made from them, and the transitions that are learnt from offline."""
