"""The HTTP side: takes batches, answers questions about them. It never imports TensorFlow or OpenCV."""
