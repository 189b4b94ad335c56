"""Workers that teach an encoder: target, head and loss in one file each."""
