"""Machine learning over content: datasets, their loaders, and models, behind clients."""
