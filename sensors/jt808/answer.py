"""What terminals are answered, so that they stay connected and send nothing twice."""

from enum import IntEnum

from sensors.jt808.frame import Frame

GENERAL, REGISTERED = 0x8001, 0x8100


class Result(IntEnum):
    """What became of a terminal's message."""

    DONE = 0
    FAILED = 1
    WRONG = 2
    UNSUPPORTED = 3


class Registration(IntEnum):
    """What became of a terminal's wish to be registered; the other numbers of the standard do not occur here."""

    DONE = 0
    UNKNOWN_TERMINAL = 4


def general_answer(to: Frame, result: Result, serial: int) -> Frame:
    """Answer any message but a registration; `serial` counts our frames."""
    body = to.serial.to_bytes(2) + to.message.to_bytes(2) + result.to_bytes(1)
    return Frame(GENERAL, to.phone, serial, body, version=to.version)


def registration_answer(to: Frame, registration: Registration, serial: int) -> Frame:
    """Answer a registration. The code that the terminal shows from then on is its own number: it protects nothing.

    Whoever can reach the port and knows a terminal's number can speak for it, code or not, because the registration
    that hands codes out is open; so the port belongs into the private network of the terminals' SIM cards.
    """
    body = to.serial.to_bytes(2) + registration.to_bytes(1)
    if registration is Registration.DONE:
        body += to.phone.encode()
    return Frame(REGISTERED, to.phone, serial, body, version=to.version)
