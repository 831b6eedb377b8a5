"""How a picture is changed before a network in training sees it."""
