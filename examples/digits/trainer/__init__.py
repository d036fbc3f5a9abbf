"""A trainer package as one writes it for Google Cloud AI Platform."""
