"""What a network said of every scan, and the figures that follow from it."""
