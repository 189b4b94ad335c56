"""What the commands do, as functions: each joins the layers below for one purpose and prints nothing to stdout."""
