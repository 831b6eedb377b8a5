"""The truth about every batch, scan and prediction, in SQL."""
