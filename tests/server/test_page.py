"""The page in headless Chromium: read an article, filter it, follow an event to its words."""

import csv
import io
import json
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="no Chromium here: apt-get install chromium, or set CHROMIUM to its path"
)
TEXT = "قصفت قوات النظام بلدة كنصفرة جنوبي إدلب، ما أدى إلى مقتل ثلاثة مدنيين."
HOSTILE = "<script>window.hit = 1</script><img src=x onerror='window.hit = 1'> 😀 " + TEXT
SECONDS = 60_000  # milliseconds; other work may slow the reader down

# The least contrast of any text on the page, with the element that has it (WCAG 2, 1.4.3).
CONTRAST = """() => {
  const parse = (colour) => (colour.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour[3] !== 0) return colour;
    }
    return [255, 255, 255];
  };
  let least = [21, ""];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !element.checkVisibility()) continue;
    if (getComputedStyle(element).opacity !== "1") return [0, element.outerHTML.slice(0, 200)];
    for (const part of [null, "::after"]) {
      const pair = [light(parse(getComputedStyle(element, part).color)), light(ground(element))];
      const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
      if (ratio < least[0]) least = [ratio, element.outerHTML.slice(0, 200)];
    }
  }
  return least;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, real: Any) -> Iterator[Page]:
    """The page in a window of its own, which asks no other host and reports no error."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, permissions=["clipboard-read", "clipboard-write"]
    )
    page = context.new_page()
    page.set_default_timeout(SECONDS)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("request", lambda sent: None if own(sent.url) else wrong.append(sent.url))

    def own(url: str) -> bool:
        return url.startswith((real.address, "blob:"))

    page.goto(real.address)
    yield page
    context.close()
    assert wrong == []


def read(page: Page, text: str) -> None:
    page.fill("#text", text)
    page.click("button[type=submit]")
    expect(page.locator("#status")).to_contain_text("الأحداث:", timeout=SECONDS)


def copied(page: Page, button: str) -> str:
    page.click(button)
    expect(page.locator("#status")).to_have_text("نُسخ.")
    content: str = page.evaluate("navigator.clipboard.readText()")
    return content


def test_an_article_is_marked_and_its_events_listed(page: Page) -> None:
    read(page, TEXT)
    marks = page.locator("#reading mark")
    assert marks.all_text_contents() == [
        "قصفت", "قوات النظام", "كنصفرة", "جنوبي إدلب", "مقتل", "ثلاثة مدنيين",
    ]  # fmt: skip
    assert page.locator("#reading .sentence").text_content() == TEXT
    assert page.locator("#reading .class").all_text_contents() == ["هجوم", "خسائر بشرية"]
    expect(page.locator(".card")).to_have_count(2)
    first = page.locator(".card").first
    expect(first.locator(".type")).to_have_text("هجوم")
    assert first.locator("dt").all_text_contents() == ["الفاعل", "المكان"]
    assert first.locator(".filler bdi").all_text_contents() == [
        "قوات النظام",
        "كنصفرة",
        "جنوبي إدلب",
    ]


def test_a_label_can_be_hidden_and_shown(page: Page) -> None:
    read(page, TEXT)
    places = page.locator("[data-filter=LOC]")
    expect(places).to_have_attribute("aria-pressed", "true")
    places.click()
    expect(places).to_have_attribute("aria-pressed", "false")
    assert "كنصفرة" not in page.locator("#reading mark").all_text_contents()
    page.click("[data-filter=ATTACK]")
    expect(page.locator(".card")).to_have_count(1)
    places.press("Enter")
    assert "كنصفرة" in page.locator("#reading mark").all_text_contents()


def test_an_event_leads_to_its_words_and_back_by_mouse_and_by_keys(page: Page) -> None:
    read(page, TEXT)
    lit = page.locator("#reading mark.lit")
    page.hover(".card >> nth=0")
    assert lit.all_text_contents() == ["قصفت", "قوات النظام", "كنصفرة", "جنوبي إدلب"]
    page.hover("#reading mark:has-text('ثلاثة مدنيين')")
    expect(page.locator(".card.lit .type")).to_have_text("قتلى")
    page.mouse.move(0, 0)
    expect(lit).to_have_count(0)
    page.locator(".card .go").nth(1).focus()
    page.keyboard.press("Enter")
    expect(page.locator("mark:focus")).to_have_text("مقتل")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("mark:focus")).to_have_text("ثلاثة مدنيين")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator(".card.pinned .go")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".pinned")).to_have_count(0)


def test_the_threshold_leaves_out_what_scores_less(page: Page) -> None:
    read(page, TEXT)
    found = json.loads(copied(page, "#copy-json"))
    page.locator("#threshold").fill("99")
    scores = [e["score"] for e in found["entities"] + found["events"]]
    kept = json.loads(copied(page, "#copy-json"))
    assert [e["score"] for e in kept["entities"] + kept["events"]] == [
        s for s in scores if s >= 0.99
    ]
    for event in kept["events"]:
        for argument in event["arguments"]:
            assert argument["score"] >= 0.99
            assert kept["entities"][argument["entity"]] in found["entities"]


def test_events_are_copied_as_a_table(page: Page) -> None:
    read(page, '=ق "x",\t' + TEXT)
    attack, killed = csv.DictReader(io.StringIO(copied(page, "#copy-csv"), newline=""))
    assert (attack["type"], attack["actor"], attack["place"]) == (
        "ATTACK", "قوات النظام", "كنصفرة; جنوبي إدلب",
    )  # fmt: skip
    assert killed["victim"] == "ثلاثة مدنيين"
    assert (
        killed["sentence"] == '\'=ق "x", ' + TEXT
    )  # so that no spreadsheet runs it, or begins a cell


def test_a_link_shows_another_the_same(page: Page) -> None:
    page.evaluate("delete ReadableStream.prototype[Symbol.asyncIterator]")  # as in Safari
    read(page, TEXT)
    page.click("[data-filter=LOC]")
    page.click(".card >> nth=1")
    link = copied(page, "#copy-link")
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator(".card.pinned .type")).to_have_text("قتلى", timeout=SECONDS)
    assert page.input_value("#text") == TEXT
    expect(page.locator("[data-filter=LOC]")).to_have_attribute("aria-pressed", "false")
    page.goto("about:blank")
    page.goto(link.partition("#")[0] + "#text=%%%")
    expect(page.locator("#status")).to_have_text("لا يُفهم هذا الرابط.")


def test_a_text_that_looks_like_markup_is_only_text(page: Page) -> None:
    read(page, HOSTILE)
    shown = page.locator("#reading").text_content() or ""
    assert shown.startswith(
        "<script>window.hit = 1</script><img src=x onerror='window.hit = 1'> 😀"
    )
    assert "قوات النظام" in page.locator("#reading mark").all_text_contents()
    assert page.evaluate("window.hit") is None
    assert page.locator("main script, main img").count() == 0


def test_it_speaks_english_and_arabic(page: Page) -> None:
    read(page, TEXT)
    assert page.evaluate("[document.documentElement.dir, document.documentElement.lang]") == [
        "rtl", "ar",
    ]  # fmt: skip
    page.click("#language")
    assert page.evaluate("[document.documentElement.dir, document.documentElement.lang]") == [
        "ltr", "en",
    ]  # fmt: skip
    expect(page.locator("button[type=submit]")).to_have_text("Read the news")
    expect(page.locator(".card .type").first).to_have_text("Attack")
    arabic = page.evaluate(
        "[...document.querySelectorAll('main [data-say], .type, dt, .filter')]"
        ".filter((e) => /[\\u0600-\\u06ff]/.test(e.textContent)).length"
    )
    assert arabic == 0
    assert page.evaluate("getComputedStyle(document.getElementById('reading')).direction") == "rtl"


@pytest.mark.parametrize("language", ["ar", "en"])
def test_every_text_has_enough_contrast_and_every_control_a_name(page: Page, language: str) -> None:
    read(page, TEXT)
    if language == "en":
        page.click("#language")
    page.click("[data-filter=LOC]")
    for _ in range(2):
        ratio, element = page.evaluate(CONTRAST)
        assert ratio >= 4.5, element
        page.click(".card >> nth=0")  # which dims the marks of all others
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, input, select, textarea, mark')]"
        ".filter((e) => !(e.labels?.length || e.textContent.trim() || e.ariaLabel)).length"
    )
    assert nameless == 0


def test_a_phone_shows_it_without_scrolling_sideways(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.select_option("#sample", "street_bulletin")
    expect(page.locator(".card").first).to_be_visible(timeout=SECONDS)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    small = page.evaluate(
        "[...document.querySelectorAll('button:not(mark), select, input:not(.unseen)')]"
        ".filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 24).length"
    )
    assert small == 0
    first = page.locator("#reading").bounding_box()
    cards = page.locator("#events").bounding_box()
    assert first
    assert cards
    assert cards["y"] > first["y"] + first["height"]


def test_a_file_can_be_chosen_and_one_that_is_no_text_is_refused(page: Page) -> None:
    page.set_input_files("#file", {"name": "a.txt", "mimeType": "", "buffer": TEXT.encode()})
    expect(page.locator(".card")).to_have_count(2, timeout=SECONDS)
    page.set_input_files("#file", {"name": "b.txt", "mimeType": "", "buffer": b"\xff\xfe"})
    expect(page.locator("#status")).to_have_text("ليس الملف نصاً بترميز UTF-8.")


@pytest.mark.parametrize("dropped", ['new File([text], "a.txt")', 'text, "text/plain"'])
def test_a_file_or_a_text_can_be_dropped(page: Page, dropped: str) -> None:
    page.evaluate(
        """(text) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(DROPPED);
          document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
        }""".replace("DROPPED", dropped),
        TEXT,
    )
    expect(page.locator(".card")).to_have_count(2, timeout=SECONDS)


def test_the_description_of_the_interface_shows_every_address(page: Page, real: Any) -> None:
    page.goto(f"{real.address}/docs")
    expect(page.locator("section h2 code")).to_have_text(
        ["/health/live", "/health/ready", "/", "/", "/docs", "/v1/tag", "/info", "/metrics"]
    )
    assert page.evaluate(CONTRAST)[0] >= 4.5
