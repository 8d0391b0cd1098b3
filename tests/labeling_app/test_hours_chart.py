from datetime import datetime

from labeling_app.hours_chart import hours_chart


def test_hours_stand_in_order_over_the_end_of_a_month_and_only_those_with_answers():
    by_hour = {
        (datetime(2026, 3, 1, 0), "Ada"): 2,
        (datetime(2026, 2, 28, 22), "Ada"): 3,
        (datetime(2026, 2, 28, 22), "Bob"): 5,
        (datetime(2026, 2, 28, 9), "Bob"): 1,
    }
    chart = hours_chart(by_hour, "#123456").to_dict()
    hours = ["09:00|28 Feb", "22:00|28 Feb", "00:00|01 Mar"]
    assert chart["encoding"]["x"]["sort"] == hours
    (rows,) = chart["datasets"].values()
    assert [(row["hour"], row["rater"], row["answers"]) for row in rows] == [
        (hours[0], "Bob", 1),
        (hours[1], "Ada", 3),
        (hours[1], "Bob", 5),
        (hours[2], "Ada", 2),
    ]
    for channel in (chart["encoding"]["x"]["axis"], chart["encoding"]["color"]["legend"]):
        assert channel["labelColor"] == "#123456"
