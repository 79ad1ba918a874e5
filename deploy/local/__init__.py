"""`make run`: the broker and the three services on this machine, under one supervisor, with the sample region."""
