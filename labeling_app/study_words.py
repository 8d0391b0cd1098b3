"""What a study's report says in words, on the terminal and on the page alike."""

from data.questions import Study
from data.rating_statistics.agreement import Agreement
from data.rating_statistics.estimates import Estimate
from data.records import Aspect, RaterKind
from labeling_app.study_report import Part, StudyReport

QUESTIONS = {
    Aspect.OVERALL: "better overall",
    Aspect.ALIGNMENT: "image-text alignment",
    Aspect.QUALITY: "image quality",
}

_FEW_RATERS = 4
"""With fewer, Student's quantile more than doubles an interval's width."""

COLUMNS = ("win rate", "95 % interval", "wins", "ties", "losses", "both bad", "skips")


def title(study: Study) -> str:
    """Say which policies are compared, and whether people are still asked."""
    return f"{study.name}: {study.policy_a} against {study.policy_b}, {study.status}"


def _who(report: StudyReport) -> str:
    """Say how many have answered, and what they are."""
    is_one_person = report.num_raters == 1 and report.kind is RaterKind.PERSON
    return "1 person" if is_one_person else f"{report.num_raters} {whose(report.kind)}"


def whose(kind: RaterKind) -> str:
    """Say whose answers they are, so that nobody takes programs for people."""
    return {
        RaterKind.PERSON: "people",
        RaterKind.SIMULATED: "SIMULATED raters",
        RaterKind.MODEL: "models",
    }[kind]


def progress_words(report: StudyReport) -> str:
    """Say how far the study is."""
    by = f"by {_who(report)}"
    if report.kind is not RaterKind.PERSON:
        return f"{report.num_answers} answers {by}, on {report.num_pairs} pairs"
    return f"{report.num_answers} of {report.num_wanted} answers are there, {by}"


def cells(part: Part) -> list[str]:
    """Write a part's figures under `COLUMNS`."""
    counted = part.tally
    counts = (counted.wins, counted.ties, counted.losses, counted.both_bad, counted.skips)
    return [rate_words(part.rate), interval_words(part.rate), *map(str, counts)]


def rate_words(rate: Estimate | None) -> str:
    """Write a win rate as a percentage, an unknown one as a dash."""
    return "-" if rate is None else f"{100 * rate.value:.0f} %"


def interval_words(rate: Estimate | None) -> str:
    """Write its interval; a dash where answers allow none."""
    if rate is None or rate.low is None or rate.high is None:
        return "-"
    return f"{100 * rate.low:.0f} to {100 * rate.high:.0f} %"


def reach_words(part: Part) -> str:
    """Say of whom and of what the interval speaks, and what is missing for more."""
    if part.rate is None:
        return "no answer prefers one of two images yet, or calls them equal"
    if part.rate.low is None:
        return "one rater and one prompt: too few for an interval"
    if part.num_raters == 1:
        return "one rater: the interval speaks of other prompts, not of other raters"
    if part.num_prompts == 1:
        return "one prompt: the interval speaks of other raters, not of other prompts"
    few = f", from only {part.num_raters} raters" if part.num_raters < _FEW_RATERS else ""
    return f"the interval speaks of other raters and other prompts{few}"


def side_words(left: Estimate | None) -> str:
    """Say how much the left side is worth."""
    if left is None:
        return "left side: no comparison is decided yet"
    interval = "" if left.low is None or left.high is None else _between(left.low, left.high)
    return f"left side: {100 * left.value:+.0f} points{interval} beyond one half"


def _between(low: float, high: float) -> str:
    return f" ({100 * low:+.0f} to {100 * high:+.0f})"


def agreement_words(found: Agreement) -> str:
    """Say how far raters agree beyond chance."""
    if not found.num_pairs:
        return "agreement: no pair has been judged by two raters yet"
    if found.alpha is None:
        return f"agreement: undefined on {found.num_pairs} pairs, all answers are equal"
    return f"agreement: alpha {found.alpha.value:.2f} on {found.num_pairs} pairs"
