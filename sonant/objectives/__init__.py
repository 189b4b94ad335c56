"""Loss functions of tensors, one per file."""
