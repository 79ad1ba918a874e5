"""One spelling for what a reader sees as the same: tables of letters, look-alikes, words spelt letter by letter."""
