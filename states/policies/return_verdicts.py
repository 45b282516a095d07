"""From what speaks for and against a claim to the answer, and all that follows from it."""

from __future__ import annotations

from states.policies.return_claims import Claim
from states.policies.return_findings import Finding, findings, grounds
from states.policies.return_obstacles import impossible
from states.policies.return_requests import Answer, ReturnKind, Verdict
from states.reasons import Reason

ABOUT_THE_KIND = {"remedy_not_open", "order_anew", "nothing_shipped"}


def judged(claim: Claim) -> Verdict:
    """The verdict: refused where there is nothing to judge, else by the finding nearest to no."""
    if obstacles := tuple(impossible(claim)):
        return Verdict(Answer.REFUSED, obstacles, claim.kind)
    found = list(findings(claim))
    answer = max((finding.answer for finding in found if finding.answer), key=list(Answer).index)
    return (_refused if answer is Answer.REFUSED else _open)(claim, answer, found)


def granted(claim: Claim) -> Verdict:
    """What follows if a person says yes against the rules: what it brings, and who pays the postage."""
    return _open(claim, Answer.ALLOWED, list(findings(claim)))


def _open(claim: Claim, answer: Answer, found: list[Finding]) -> Verdict:
    reasons = _sorted([*found, *grounds(claim)], (Answer.A_PERSON_MUST_LOOK, Answer.ALLOWED, None))
    return Verdict(
        answer,
        reasons,
        claim.kind,
        until=claim.until,
        anchor=claim.anchor,
        parts=claim.parts,
        outward=claim.payer,
        back=None if claim.kind is ReturnKind.RESHIP else claim.payer,
        remedies=claim.open_remedies,
        evidence_wanted=claim.evidence_wanted,
        cooling_until=claim.cooling_until,
        limit_fen=claim.limit_fen,
        lines=claim.lines,
    )


def _refused(claim: Claim, answer: Answer, found: list[Finding]) -> Verdict:
    """A no is not watered down with what would have spoken for a yes; the wrong kind leaves the others open."""
    reasons = _sorted(found, (Answer.REFUSED, Answer.A_PERSON_MUST_LOOK, None))
    against = {finding.reason.code for finding in found if finding.answer is Answer.REFUSED}
    return Verdict(
        answer,
        reasons,
        claim.kind,
        until=claim.until,
        anchor=claim.anchor,
        remedies=claim.open_remedies if against <= ABOUT_THE_KIND else (),
        lines=claim.lines,
    )


def _sorted(found: list[Finding], answers: tuple[Answer | None, ...]) -> tuple[Reason, ...]:
    """The reasons for these answers, in this sequence, each once."""
    reasons = (finding.reason for answer in answers for finding in found if finding.answer is answer)
    return tuple(dict.fromkeys(reasons))
