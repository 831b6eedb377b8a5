"""One module for each command; heavy imports stay inside the command that needs them."""
