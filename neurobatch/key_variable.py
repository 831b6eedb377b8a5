"""The environment variable that holds a user's API key: unlike a command line, no other user can read it."""

KEY_VARIABLE = "NEUROBATCH_API_KEY"
