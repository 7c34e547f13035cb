"""Datasets: folders, files and tables as manifests, their versions, and what differs."""
