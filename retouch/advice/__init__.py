"""Why things stand where they stand, and what to do: the sentences of the commands, the gateway and the page."""
