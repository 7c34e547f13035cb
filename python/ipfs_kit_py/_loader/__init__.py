"""Data loaders: the samples of a dataset in the order of an epoch, as batches."""
