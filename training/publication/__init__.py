"""Figures made into what people read: tables, plots, cards, documents. Everything comes from the JSON."""
