"""The pictures that are trained on and measured with: read, checked, and parted so that patients stay whole."""
