"""Malformed tables and images: each is refused in one line, and nothing is altered."""

import csv
import gc
import io
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import pyarrow
import pyarrow.parquet
import pytest

from data.errors import ExchangeError
from data.exchange.formats import format_of
from data.exchange.gathering import Origin
from data.exchange.importing import import_table
from data.workspace import Workspace

Make = Callable[[Path], Path]


def picture(light: int = 0, kind: str = "PNG", **options: object) -> bytes:
    content = io.BytesIO()
    PIL.Image.new("RGB", (4, 4), (light, light, light)).save(content, kind, **options)
    return content.getvalue()


def animation(kind: str) -> bytes:
    frames = [PIL.Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    content = io.BytesIO()
    frames[0].save(content, kind, save_all=True, append_images=frames[1:])
    return content.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def bomb(width: int, height: int) -> bytes:
    """Return a small PNG that claims to be a large one."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(10_000))
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def text_bomb() -> bytes:
    """Return a PNG with a text of 100 megabytes, packed."""
    whole = picture()
    note = chunk(b"zTXt", b"note\0\0" + zlib.compress(bytes(100 * 2**20)))
    return whole[:33] + note + whole[33:]


A, B = picture(0), picture(200)

PICK = {
    "caption": "a dog", "jpg_0": A, "jpg_1": B, "label_0": 1.0, "label_1": 0.0, "has_label": True,
    "user_id": 7, "ranking_id": 1, "image_0_uid": "x", "image_1_uid": "y", "best_image_uid": "x",
}  # fmt: skip
PLAIN = {"prompt": "a dog", "image_a": "a.png", "image_b": "b.png", "choice": "a", "rater": "Ann"}
GOOD_PLAIN = {**PLAIN, "prompt": "a cat"}


def parquet(*rows: dict[str, Any], schema: pyarrow.Schema | None = None) -> Make:
    def make(folder: Path) -> Path:
        table = pyarrow.Table.from_pylist(list(rows), schema=schema)
        pyarrow.parquet.write_table(table, folder / "t.parquet")
        return folder / "t.parquet"

    return make


def pick(**changes: object) -> Make:
    """Return a table of a good row and one that is changed."""
    changed = {key: value for key, value in (PICK | changes).items() if value is not ...}
    return parquet({**PICK, "caption": "a cat"}, changed)


def plain(**changes: object) -> Make:
    def make(folder: Path) -> Path:
        with (folder / "t.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, list({**PLAIN, **changes}))
            table.writeheader()
            table.writerow(GOOD_PLAIN)
            table.writerow({**PLAIN, **changes})
        return folder / "t.csv"

    return make


def lines(*rows: dict[str, Any], suffix: str = ".jsonl") -> Make:
    text = "\n".join(map(json.dumps, rows)) if suffix == ".jsonl" else json.dumps(rows)
    return raw(f"t{suffix}", text.encode())


def raw(name: str, content: bytes) -> Make:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


def linked(folder: Path) -> Path:
    """Return a table whose image is a link out of its folder."""
    (folder.parent / "secret.png").write_bytes(picture(77))
    (folder / "link.png").symlink_to(folder.parent / "secret.png")
    return plain(image_b="link.png")(folder)


def linked_folder(folder: Path) -> Path:
    (folder.parent / "elsewhere").mkdir()
    (folder.parent / "elsewhere" / "x.png").write_bytes(picture(77))
    (folder / "sub").symlink_to(folder.parent / "elsewhere")
    return plain(image_b="sub/x.png")(folder)


def circular(folder: Path) -> Path:
    (folder / "loop.png").symlink_to(folder / "loop.png")
    return plain(image_b="loop.png")(folder)


def truncated_parquet(folder: Path) -> Path:
    file = pick()(folder)
    file.write_bytes(file.read_bytes()[:-100])
    return file


def damaged_page(folder: Path) -> Path:
    file = pick()(folder)
    content = bytearray(file.read_bytes())
    content[4:60] = b"\xff" * 56
    file.write_bytes(content)
    return file


def hpd2(**changes: object) -> Make:
    row = {"prompt": "a dog", "file_path": ["a.png", "b.png"], "human_preference": [1, 0]}
    return lines(row, {**row, "prompt": "a cat", **changes}, suffix=".json")


def hpd3(**changes: object) -> Make:
    row = {"prompt": "a dog", "path1": "a.png", "path2": "b.png", "choice_dist": [2, 1]}
    return lines(row, {**row, "prompt": "a cat", **changes})


def ranked(*ranks: object, prompt: str = "a dog") -> Make:
    rows = [
        {"prompt_id": "1", "prompt": "a dog" if n else prompt, "image": f"{'ab'[n]}.png", "rank": r}
        for n, r in enumerate(ranks)
    ]
    return lines(*rows)


def trl(first: dict[str, Any] | None = None, **changes: object) -> Make:
    answer = [{"role": "assistant", "content": [{"type": "image"}]}]
    row = {
        "prompt": [{"role": "user", "content": "a dog"}],
        "chosen": answer,
        "rejected": answer,
        "images": ["a.png", "b.png"],
    }
    cat = {**row, "prompt": [{"role": "user", "content": "a cat"}], **changes}
    return lines({**row, **(first or {})}, cat)


HOSTILE: dict[str, tuple[str, Make, str]] = {
    # tables that are none
    "empty parquet": ("pick-a-pic", raw("t.parquet", b""), "not readable as parquet"),
    "not parquet": ("pick-a-pic", raw("t.parquet", b"PAR1 or not" * 50), "not readable as parquet"),
    "truncated parquet": ("pick-a-pic", truncated_parquet, "not readable as parquet"),
    "damaged page": ("pick-a-pic", damaged_page, "not readable as parquet"),
    "no rows of parquet": (
        "pick-a-pic",
        parquet(schema=pyarrow.schema([("caption", pyarrow.string())])),
        "has no rows",
    ),
    "empty csv": ("csv", raw("t.csv", b""), "has no rows"),
    "one id twice": (
        "trl",
        trl(comparison_id="0123456789abcdef", first={"comparison_id": "0123456789abcdef"}),
        "row 2: the same comparison_id as in row 1",
    ),
    "another id": ("csv", plain(comparison_id="17"), "expected 16 digits of 0-9 and a-f"),
    "no list of ids": ("hpd-v3", hpd3(comparison_id=["0123456789abcdef"]), "expected a list of 3"),
    "headings only": ("csv", raw("t.csv", b"prompt,image_a,image_b,choice\n"), "has no rows"),
    "empty jsonl": ("trl", raw("t.jsonl", b"\n \n"), "has no rows"),
    "empty list": ("hpd-v2", raw("t.json", b"[]"), "has no rows"),
    "not UTF-8 csv": ("csv", raw("t.csv", b"prompt,image_a\n\xff\xfe,x\n"), "not UTF-8"),
    "not UTF-8 jsonl": ("trl", raw("t.jsonl", b'{"prompt": "\xff"}\n'), "not UTF-8"),
    "not JSON": ("trl", raw("t.jsonl", b"{'prompt': 1}\n"), "after row 0: not readable as jsonl"),
    "no object": ("trl", raw("t.jsonl", b"[1, 2]\n"), "expected an object"),
    "deep JSON": ("trl", raw("t.jsonl", b"[" * 100_000), "not readable as jsonl"),
    "huge number": ("trl", raw("t.jsonl", b'{"a": ' + b"9" * 9999 + b"}"), "not readable"),
    "cut list": ("hpd-v2", raw("t.json", b'[{"prompt": "a"}, '), "not readable|row 1"),
    "list with more": ("hpd-v2", raw("t.json", b'[{"prompt": "a"}] x'), "not readable|row 1"),
    "no list": ("hpd-v2", raw("t.json", b'{"prompt": "a"}'), r"expected '\['"),
    "unclosed quote": ("csv", raw("t.csv", b'prompt,image_a\n"a,b\n'), "not readable as csv"),
    "too many cells": ("csv", raw("t.csv", b"prompt,image_a\na,b,c\n"), "expected 2 cells"),
    "column twice": ("csv", raw("t.csv", b"prompt,prompt\na,b\n"), "'prompt' twice"),
    "another suffix": ("csv", raw("t.xlsx", b"PK"), "ends in .parquet"),
    # columns and cells
    "wrong columns": ("pick-a-pic", parquet({"x": 1}), "no column 'caption'"),
    "no labels": ("pick-a-pic", pick(label_0=None), "label_0.*got nothing"),
    "NaN label": ("pick-a-pic", pick(label_0=float("nan")), "finite number, got nan"),
    "infinite label": ("pick-a-pic", pick(label_0=float("inf")), "finite number"),
    "label of 400 digits": ("hpd-v2", hpd2(human_preference=[10**400, 0]), "finite number"),
    "labels of one half and one": ("pick-a-pic", pick(label_1=0.5), "expected labels 1 and 0"),
    "two winners": ("pick-a-pic", pick(label_1=1.0), "expected labels 1 and 0"),
    "labels against the uid": ("pick-a-pic", pick(best_image_uid="y"), "contradict"),
    "negative user": ("pick-a-pic", pick(user_id=-7), "whole number of 0 or more"),
    "the same ranking twice": ("pick-a-pic", parquet(PICK, PICK), "same rater .* as in row 1"),
    "text for an image": ("pick-a-pic", parquet({**PICK, "jpg_0": "nowhere.png"}), "no image at"),
    "number for an image": ("pick-a-pic", parquet({**PICK, "jpg_0": 5}), "image's bytes"),
    "number for a prompt": ("pick-a-pic", parquet({**PICK, "caption": 5}), "expected a text"),
    "unknown kind": (
        "pick-a-pic",
        parquet({**PICK, "rater_kind": "god"}),
        "one of person, simulated, model",
    ),
    "blank prompt": ("csv", plain(prompt=" \t"), "row 2: column 'prompt': expected a text"),
    "a prompt of 10,000 characters": ("csv", plain(prompt="x" * 10_000), "10000 characters"),
    "a zero in a prompt": ("csv", plain(prompt="a\0b"), "no text|NUL"),
    "half a character": ("trl", trl(prompt="\ud800", chosen="a.png", rejected="b.png"), "no text"),
    "unknown choice": ("csv", plain(choice="left"), "one of a, b, tie, both_bad, skip"),
    "no choices": ("csv", raw("t.csv", b"prompt,image_a,image_b\na,a.png,b.png\n"), "'choice'"),
    "unknown column": ("csv", plain(mood="good"), "unknown column 'mood'"),
    "unknown side": ("csv", plain(shown_left="left"), "one of a, b"),
    "unknown aspect": ("csv", plain(aspect="taste"), "one of overall"),
    "unknown split": ("csv", plain(split="test"), "one of train"),
    "negative milliseconds": ("csv", plain(milliseconds=-5), "0 or more, got '-5'"),
    "half a millisecond": ("csv", plain(milliseconds=0.5), "0 or more, got '0.5'"),
    "no time": ("csv", plain(created_at="yesterday"), "expected a time"),
    "a time outside": ("csv", plain(created_at="0001-01-01T00:00:00+14:00"), "calendar"),
    "the same twice": ("csv", plain(prompt="a cat"), "same rater on the same pair as in row 1"),
    "an unprintable rater": ("csv", plain(rater="A\x1b[31m"), "cannot be shown"),
    "a long rater": ("csv", plain(rater="A" * 300), "300 characters"),
    "a line in a model": ("csv", plain(policy_a="x\ny"), "cannot be shown"),
    "two splits of one prompt": (
        "csv",
        raw(
            "t.csv",
            b"prompt,image_a,image_b,choice,split\nx,a.png,b.png,a,train\nx,a.png,c.png,a,unseen\n",
        ),
        "split train above and in unseen",
    ),
    "three of two": ("hpd-v2", hpd2(human_preference=[1, 0, 0]), "a list of 2"),
    "both preferred": ("hpd-v2", hpd2(human_preference=[1, 1]), r"\[1, 0\] or \[0, 1\]"),
    "one file": ("hpd-v2", hpd2(file_path=["a.png"]), "a list of 2"),
    "no file": ("hpd-v2", hpd2(file_path=["a.png", None]), "got nothing"),
    "ranks of others": (
        "hpd-v2",
        hpd2(image_path=["a.png", "b.png"], raw_annotations=[{"rank": [1], "user_hash": "u"}]),
        "a list of 2",
    ),
    "too many votes": ("hpd-v3", hpd3(choice_dist=[10**9, 0]), "at most 1000"),
    "no votes": ("hpd-v3", hpd3(choice_dist=[0, 0]), "choice_dist"),
    "the better has fewer": ("hpd-v3", hpd3(choice_dist=[1, 2]), "choice_dist"),
    "half a vote": ("hpd-v3", hpd3(choice_dist=[1.5, 1]), "choice_dist"),
    "alone": ("image-reward", ranked(1), "only image of its prompt"),
    "a rank below zero": ("image-reward", ranked(1, -2), "0 or more"),
    "another prompt": ("image-reward", ranked(1, 2, prompt="a cat"), "another prompt than"),
    "an answer in words": (
        "trl",
        trl(chosen=[{"role": "assistant", "content": "no"}]),
        "one image",
    ),
    "no message": ("trl", trl(chosen=[]), "a list of 1"),
    "three images": ("trl", trl(images=["a.png", "b.png", "c.png"]), "a list of 2"),
    # paths
    "missing image": ("csv", plain(image_b="none.png"), "row 2: no image at 'none.png'"),
    "path traversal": ("csv", plain(image_b="../outside.png"), "outside the table's folder"),
    "hidden traversal": ("csv", plain(image_b="sub/../../outside.png"), "outside|no image"),
    "absolute path": ("csv", plain(image_b="/etc/hostname"), "outside the table's folder"),
    "home": ("csv", plain(image_b="~/x.png"), "no image at"),
    "address": ("csv", plain(image_b="https://example.org/x.png"), "not fetched"),
    "link out of the folder": ("csv", linked, "outside the table's folder"),
    "linked folder": ("csv", linked_folder, "outside the table's folder"),
    "link in a circle": ("csv", circular, "no image at|outside"),
    "a folder": ("csv", plain(image_b="."), "no image at"),
    "a long name": ("csv", plain(image_b="x" * 5000), "no image at"),
    # images
    "empty image": ("pick-a-pic", pick(jpg_1=b""), "image's bytes"),
    "truncated PNG": ("pick-a-pic", pick(jpg_1=B[:-20]), "whole PNG"),
    "hollow PNG": ("pick-a-pic", pick(jpg_1=B[:40] + B[-12:]), "cannot be decoded"),
    "truncated JPEG": ("pick-a-pic", pick(jpg_1=picture(9, "JPEG")[:-30]), "whole JPEG"),
    "truncated WEBP": ("pick-a-pic", pick(jpg_1=picture(9, "WEBP")[:-8]), "whole WEBP"),
    "GIF": ("pick-a-pic", pick(jpg_1=picture(9, "GIF")), "PNG, JPEG or WEBP"),
    "SVG": ("pick-a-pic", pick(jpg_1=b"<svg onload='alert(1)'/>"), "PNG, JPEG or WEBP"),
    "HTML": ("pick-a-pic", pick(jpg_1=b"<script>alert(1)</script>"), "PNG, JPEG or WEBP"),
    "30,000 pixels wide": ("pick-a-pic", pick(jpg_1=bomb(30_000, 1)), "16384 on a side"),
    "decompression bomb": ("pick-a-pic", pick(jpg_1=bomb(30_000, 30_000)), "pixels"),
    "many pixels": ("pick-a-pic", pick(jpg_1=bomb(9000, 9000)), "9000x9000 pixels"),
    "text bomb": ("pick-a-pic", pick(jpg_1=text_bomb()), "cannot be decoded"),
    "animated PNG": ("pick-a-pic", pick(jpg_1=animation("PNG")), "animation"),
    "animated WEBP": ("pick-a-pic", pick(jpg_1=animation("WEBP")), "animation"),
    "an image twice": ("pick-a-pic", pick(jpg_1=A), "both images are the same"),
}


def everything(workspace: Workspace) -> dict[str, object]:
    store = workspace.store()
    nouns = (
        store.prompts, store.policies, store.imported_policies, store.images, store.pairs,
        store.raters, store.comparison_events,
    )  # fmt: skip
    files = {path: path.is_file() and path.read_bytes() for path in workspace.images_dir.rglob("*")}
    return {noun.__name__: noun() for noun in nouns} | {"files": files}


@pytest.fixture(scope="module")
def no_collection() -> Iterator[None]:
    """Collect garbage before and after, not on the parser's deepest level.

    Finalizers of other tests' leavings would find no room on the stack there, and pytest counts
    what they raise against the test that runs.
    """
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_malformed_is_refused_and_alters_nothing(
    case: str, workspace: Workspace, tmp_path: Path
):
    name, make, expected = HOSTILE[case]
    folder = tmp_path / "elsewhere-made"
    folder.mkdir()
    for letter, light in zip("abc", (0, 200, 100), strict=True):
        (folder / f"{letter}.png").write_bytes(picture(light))
    (tmp_path / "outside.png").write_bytes(picture(50))
    file = make(folder)
    before = everything(workspace)
    with pytest.raises(ExchangeError, match=expected) as refused:
        import_table(workspace, file, format_of(name), Origin(source=name))
    assert str(refused.value).startswith(str(file))
    assert len(str(refused.value).splitlines()) == 1
    assert len(str(refused.value)) < len(str(file)) + 300
    assert everything(workspace) == before


def test_html_in_a_prompt_is_kept_as_text(workspace: Workspace, tmp_path: Path):
    text = "<script>alert('a')</script> & \"four\" wolves 🐺 \u202e"
    (tmp_path / "a.png").write_bytes(A)
    (tmp_path / "b.png").write_bytes(B)
    file = plain(prompt=text)(tmp_path)
    import_table(workspace, file, format_of("csv"), Origin(source="csv"))
    assert text in [prompt.text for prompt in workspace.store().prompts()]
