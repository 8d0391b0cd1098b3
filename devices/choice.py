"""The device of a command that runs as one process."""


def default_device() -> str:
    """Return "cuda" where there is a GPU that torch can use, else "cpu"."""
    # torch takes seconds to import, which --help need not wait for.
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
