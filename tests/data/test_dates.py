"""Dates and times of day are numbers with a form, and are written back as they were."""

import datetime
from pathlib import Path

import pandas as pd
import pytest

from genzoo.core.errors import DataError
from genzoo.data import read
from genzoo.data.check import check
from genzoo.data.codecs.catalog import codec_from_json
from genzoo.data.dates import DateForm, date_form_of
from genzoo.zoo import Mistake, load, train
from genzoo.zoo.conditions import cells, conditions
from genzoo.zoo.inputs import other_data

DAY = datetime.date(1970, 1, 1).toordinal()
LEAP = datetime.date(2024, 2, 29).toordinal() - DAY
FORMS = [
    (["2024-02-29", "0001-01-01", "9999-12-31"], LEAP, "days"),
    (["29.02.2024", "01.12.2023"], LEAP, "days"),
    (["29.2.2024", "1.12.2023"], LEAP, "days"),
    (["29/02/2024", "01/02/2024"], LEAP, "days"),
    (["2/29/2024", "1/2/2024"], LEAP, "days"),
    (["29 Feb 2024", "3 Dec 2023"], LEAP, "days"),
    (["Feb 29, 2024"], LEAP, "days"),
    (["2024-02-29T12:00:00Z", "2024-02-29T12:00:01Z"], LEAP * 86400 + 43200, "seconds"),
    (["2024-02-29 12:30", "2024-01-01 00:00"], LEAP * 1440 + 750, "minutes"),
    (["2024-02-29 00:00:00", "2024-01-01 00:00:00"], LEAP, "days"),
    (["2024-02-29T12:00:00.250+02:00"], LEAP * 86400 + 43200.25, "seconds"),
    (["23:59", "00:15"], 1439, "minutes"),
    (["1:30 PM", "12:05 AM", "12:00 PM"], 810, "minutes"),
    (["01:30:00 PM", "12:05:01 AM"], 48600, "seconds"),
    (["02/29/2024 01:30 AM", "01/12/2024 12:00 PM"], LEAP * 1440 + 90, "minutes"),
    (["26:30", "1:05", "100:00"], 1590, "minutes"),
    (["26:30", "01:05", "100:00"], 1590, "minutes"),
    (["26:30:00", "0:00:01"], 95400, "seconds"),
    (["1 days 02:00:00", "0 days 00:00:00"], 26, "hours"),
    (["3 days 00:00:00", "12 days 00:00:00"], 3, "days"),
    (["0 days 00:00:00.250000", "1 days 00:00:00.500000"], 0.25, "seconds"),
    (["1 day, 2:03:04", "0:00:01", "12 days, 0:00:00"], 93784, "seconds"),
]


def test_every_form_is_read_and_written_back():
    for spelled, first, unit in FORMS:
        form = date_form_of("day", spelled)
        assert form is not None, spelled
        assert (float(form.plain(spelled[0])), form.unit) == (first, unit), spelled
        assert [form.spelled(form.plain(cell)) for cell in spelled] == spelled


def test_durations_end_at_nothing_and_have_no_other_end():
    form = date_form_of("took", ["26:30:00", "0:00:01"])
    assert [form.spelled(cell) for cell in ("-5", "1e6", "")] == ["0:00:00", "277:46:40", ""]
    days = date_form_of("took", ["1 day, 2:03:04", "0:00:01"])
    assert [days.spelled(cell) for cell in ("86400", "86399", "172801")] == [
        "1 day, 0:00:00",
        "23:59:59",
        "2 days, 0:00:01",
    ]
    frame = pd.DataFrame({"took": pd.to_timedelta(range(1, 90), "h"), "a": [i / 7 for i in range(89)]})
    data = read(frame)
    assert data.x[:, 0].tolist() == list(range(1, 90))
    assert data.codec.cells(data.x)["took"] == list(map(str, frame["took"]))


def test_what_is_no_date_of_one_form_has_none():
    for spelled in (["2024-02-30"], ["29.2.24"], ["1.25"], ["24:60"], ["2024-01-01", "1.1.2024"], ["a1:30"], [],
                    ["2024-01-01T00:00:00+01:00", "2024-01-01T00:00:00"]):  # fmt: skip
        assert date_form_of("day", spelled) is None, spelled


def test_offsets_that_differ_are_brought_to_one():
    form = date_form_of("at", ["2024-03-31 01:59:59+01:00", "2024-03-31 03:00:00+02:00"])
    for cell in ("2024-03-31 03:00:00+02:00", "2024-03-31 01:00:00+00:00"):
        assert form.plain(cell) == str(19813 * 86400 + 3600)
    assert form.spelled(form.plain("2024-03-31 01:59:59+01:00")) == "2024-03-31 00:59:59+00:00"


def test_samples_beyond_the_calendar_go_to_its_ends():
    assert DateForm("{Y:04}-{m:02}-{d:02}", "days").spelled("1e9") == "9999-12-31"
    time = DateForm("{H:02}:{M:02}", "minutes")
    assert [time.spelled(cell) for cell in ("-5", "1440", "")] == ["00:00", "23:59", ""]


def test_doubtful_days_are_refused_and_said(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("n,day\n" + "1,01/02/2026\n2,03/04/2026\n" * 30)
    with pytest.raises(DataError, match=r"'day' must hold dates of which day and month are known, got '01/02/2026'"):
        read(path)
    for order, expected in (("day first", (2026, 2, 1)), ("month first", (2026, 1, 2))):
        data = read(path, dates=order)
        assert int(data.x[0, 1]) == datetime.date(*expected).toordinal() - DAY
        assert data.codec.cells(data.x[:2])["day"] == ["01/02/2026", "03/04/2026"]
    assert read(path, kinds="day:categorical").codec.words["day"] == ["01/02/2026", "03/04/2026"]
    with pytest.raises(DataError, match="must be 'day first' or 'month first', got 'us'"):
        read(path, dates="us")


def test_a_run_of_dates_samples_and_scores_dates(tmp_path: Path):
    begin = datetime.datetime(2024, 1, 1)
    at = [begin + datetime.timedelta(minutes=1037 * i) for i in range(200)]
    path, new = tmp_path / "a.csv", tmp_path / "new.csv"
    lines = [f"{t:%d/%m/%Y},{at[-i]:%Y-%m-%dT%H:%M:%S},{i * i % 83 / 7}\n" for i, t in enumerate(at)]
    path.write_text("day,at,n\n" + "".join(lines))
    data = read(path)
    assert [column.kind for column in data.space.columns] == ["integer", "integer", "real"]
    assert "days; samples are so, too" in data.notes[0]
    run = train("gaussian", data, out=tmp_path / "run", steps=5, device="cpu")
    assert codec_from_json(data.codec.to_json()) == data.codec
    found = run.codec.cells(run.model.sample(50, seed=0))
    days = [datetime.datetime.strptime(cell, "%d/%m/%Y") for cell in found["day"]]
    assert min(days) >= begin
    assert max(days) <= at[-1]
    new.write_text("day,at,n\n01/02/2024,2024-01-02T00:00:00,1\n03/01/2024,2024-01-03T00:00:00,2.5\n")
    other = other_data(run.config, run.codec, str(new))  # all at midnight, and no day above 12
    assert other.x[:, 0].tolist() == [LEAP - 28, LEAP - 57]
    assert other.x[1, 1].item() == (LEAP - 57) * 1440


def test_conditions_are_dates(tmp_path: Path):
    path = tmp_path / "a.csv"
    at = [datetime.date(2024, 1, 1) + datetime.timedelta(days=i) for i in range(150)]
    path.write_text("day,n,m\n" + "".join(f"{t},{i / 7},{i % 9 / 2}\n" for i, t in enumerate(at)))
    data = read(path, given="day", x=["n", "m"])
    run = load(train("realnvp", data, out=tmp_path / "run", steps=1, device="cpu").path)
    model, record = run.generative, run.config.data
    rows = conditions(model, record, {"day": "2024-01-02,2024-02-29"}, 4, run.given_codecs)
    assert next(iter(rows.values())).tolist() == [LEAP - 58, LEAP - 58, LEAP, LEAP]
    assert cells(model, record, rows, 4, run.given_codecs) == {"day": ["2024-01-02"] * 2 + ["2024-02-29"] * 2}
    with pytest.raises(Mistake, match=r"day must be written as '1970-01-01' is, got '29\.2\.2024'"):
        conditions(model, record, {"day": "29.2.2024"}, 4, run.given_codecs)
    path.write_text("day,n\n" + "".join(f"{at[i % 5]},{i / 7}\n" for i in range(150)))
    assert read(path, given="day", x="n").classes[""] == [str(t) for t in at[:5]]


def test_a_check_says_dates(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("day,n\n2024-02-29,0.5\n2024-03-02,1.5\n")
    first = check(read(path)).columns[0]
    assert [first[name] for name in ("least", "most", "mean")] == ["2024-02-29", "2024-03-02", "2024-03-01"]


def test_a_slip_among_dates_is_named_or_left_out(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    days = [f"2024-02-{1 + i % 29:02d}" for i in range(60)]
    for odd in ("2024-02-30", "unknown", "1.3.2024"):
        path.write_text("day,a\n" + "".join(f"{odd if i == 7 else day},{i / 7}\n" for i, day in enumerate(days)))
        with pytest.raises(DataError, match=f"'day' must hold dates written as '2024-02-..', got '{odd}'"):
            read(path)
        data = read(path, skip_bad=True)
        assert (len(data), data.codec.cells(data.x[:1])["day"]) == (59, ["2024-02-01"])
        assert data.skipped == (f"row 8: '{odd}' in column 'day', which holds numbers",)
        assert len(read(path, na=odd, missing="drop")) == 59
        assert odd in read(path, kinds="day:categorical").codec.words["day"]
