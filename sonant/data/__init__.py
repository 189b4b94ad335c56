"""Corpora, manifests, views of them and batches."""
