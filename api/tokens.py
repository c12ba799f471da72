"""Secrets that stand for a person or a machine: made here, shown once, kept only as a digest."""

import hashlib
import secrets
import string

SESSION_PREFIX = "dcs_"
KEY_PREFIX = "dck_"

# Crockford's base 32: no letter that a reader takes for a digit. Sixteen signs are 80 bits.
CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 16
_MISREAD = str.maketrans("OIL", "011", string.whitespace + "-")


def new_token(prefix: str) -> str:
    """Make a token of 256 random bits; the prefix lets people and secret scanners see what it is."""
    return prefix + secrets.token_urlsafe(32)


def new_code() -> str:
    """Make a code that can be read out over the phone: ``XXXX-XXXX-XXXX-XXXX``."""
    signs = "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))
    return "-".join(signs[at : at + 4] for at in range(0, CODE_LENGTH, 4))


def plain_code(typed: str) -> str:
    """Read a code as it was typed: case, spaces and dashes do not count, O is 0, I and L are 1."""
    return typed.upper().translate(_MISREAD)


def digest(secret: str) -> str:
    """Return what is stored of a secret. Enough for random secrets of 80 bits and more; passwords get argon2id."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
