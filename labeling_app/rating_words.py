"""What a rating report says in words, for the progress page and `tastemaker status` alike."""

from data.rating_statistics.estimates import Estimate
from labeling_app.rating_report import RaterLine, RatingReport, Win


def agreement_words(report: RatingReport) -> str:
    """Say how far people agree beyond chance, and on how much that rests."""
    found = report.agreement
    if found.num_pairs == 0:
        return "no pair has been judged by two people yet"
    on = f"on {found.num_pairs} pairs that several people judged"
    if found.alpha is None:
        return f"alpha is undefined {on}: all answers are equal"
    return f"alpha {_value(found.alpha)} {on}"


def side_words(report: RatingReport) -> str:
    """Say how much more often than half of the time the left image won."""
    if report.side is None:
        return "no comparison is decided yet"
    side = report.side.clustered if report.side.clustered.low is not None else report.side.plain
    return f"{_percent(side)} of {side.num} decided comparisons, beyond one half"


def rater_words(line: RaterLine) -> str:
    """Name a rater with what is to be known of them."""
    return f"{line.name}: {line.quality.num} ({line.verdict})"


def win_words(win: Win) -> str:
    """Say how often the newer policy's images are preferred."""
    rate = win.rate
    said = f"{100 * rate.value:.0f} %{_bounds(rate, 100, '.0f')}"
    return f"{win.newer} over {win.older}: {said} of {rate.num}"


def share_words(share: Estimate | None) -> str:
    """Write a share in whole per cent, nothing where there is none."""
    return "" if share is None else f"{100 * share.value:.0f} %"


def _value(found: Estimate) -> str:
    return f"{found.value:.2f}{_bounds(found, 1, '.2f')}"


def _percent(found: Estimate) -> str:
    return f"{100 * found.value:+.0f} %{_bounds(found, 100, '+.0f')}"


def _bounds(found: Estimate, factor: int, form: str) -> str:
    if found.low is None or found.high is None:
        return ""
    return f" ({format(factor * found.low, form)} to {format(factor * found.high, form)})"
