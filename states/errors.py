"""What can go wrong, by what the caller does next."""

from datetime import timedelta

from states.reasons import Reason


class KefuError(Exception):
    """The root of all of ours: a code for machines, one sentence for people, the place it speaks of."""

    def __init__(self, message: str, *, code: str = "error", where: str = "") -> None:
        super().__init__(message)
        self.code, self.where = code, where


class NotFound(KefuError):
    """There is no such shop, order or flow."""


class BadInput(KefuError):
    """What was asked can't be understood; nothing was done."""


class OutsideFailed(KefuError):
    """Something outside of kefu does not answer or is not as it should be; ours is in order."""


class GatewayError(OutsideFailed):
    """An outside party did not do what we asked. `unknown`: it may have, all the same; nobody can tell yet."""

    unknown = False


class GatewayUnavailable(GatewayError):
    """Ask again later, with the same idempotency key: it did not answer, or not so that we understand.

    `retry_after`: not before so much time has passed, if it told us.
    """

    def __init__(
        self,
        message: str,
        *,
        unknown: bool = True,
        retry_after: timedelta | None = None,
        code: str = "gateway_unavailable",
        where: str = "",
    ) -> None:
        super().__init__(message, code=code, where=where)
        self.unknown, self.retry_after = unknown, retry_after


class GatewayRejected(GatewayError):
    """Asking again will not help, a person looks: it read what we asked and said no, with this HTTP `status`."""

    def __init__(self, message: str, *, status: int, code: str = "gateway_rejected", where: str = "") -> None:
        super().__init__(message, code=code, where=where)
        self.status = status


class Refused(KefuError):
    """We were asked to decide, and the answer is no; `reasons` says why, all of it."""

    def __init__(self, case_name: str, trigger: str, reasons: tuple[Reason, ...]) -> None:
        super().__init__(
            f"{case_name} cannot {trigger}: {'; '.join(r.en for r in reasons)}",
            code=reasons[0].code,
            where=case_name,
        )
        self.reasons = reasons


class TransitionNotAllowed(Refused):
    """There is no such transition from this state."""


class GuardRefused(Refused):
    """The transition exists, a rule said no."""
