"""What a text must be to be kept."""


def can_be_kept(text: str) -> bool:
    """Say whether files and stores can hold a text.

    They hold neither NUL nor halves of surrogate pairs, which escapes in JSON and YAML smuggle in.
    """
    return not any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in text)
