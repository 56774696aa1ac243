"""The page in a real browser: Chromium, headless, driven by Selenium."""

import contextlib
import os
import shutil
import threading
import time
from itertools import pairwise
from socketserver import StreamRequestHandler, ThreadingTCPServer

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,1600",
    "--autoplay-policy=no-user-gesture-required",
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if (found is None or driver is None) and "CI" not in os.environ:
        pytest.skip("no Chromium with chromedriver here; continuous integration has them")
    assert found, "continuous integration must have Chromium"
    assert driver, "continuous integration must have chromedriver"
    options = webdriver.ChromeOptions()
    options.binary_location = found
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield chrome
    chrome.quit()


@pytest.fixture
def page(browser, written):
    """The report, opened afresh in a window of 1200 pixels, its charts drawn."""
    yield from opened(browser, written)


def opened(browser, written):
    emulate(browser, 1200, "light")
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get((written / "report.html").as_uri())
    drawn(browser)
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def drawn(browser):
    WebDriverWait(browser, 30).until(lambda b: b.execute_script("return document.documentElement.dataset.drawn"))


def emulate(browser, width, scheme):
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def test_every_chart_is_drawn_without_an_error(page):
    charts = page.find_elements(By.CSS_SELECTOR, "[data-chart]")
    assert len(charts) >= 3
    for chart in charts:
        marks = chart.find_elements(By.CSS_SELECTOR, "svg .mark-symbol path, svg .mark-line path, svg .mark-rect path")
        assert marks, chart.get_attribute("data-chart")
        assert len(chart.find_element(By.TAG_NAME, "svg").get_attribute("aria-label")) > 20
    complaints = [entry for entry in page.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert complaints == []


def test_the_page_asks_nothing_of_any_network(page):
    asked = [
        entry["message"] for entry in page.get_log("performance") if "Network.requestWillBeSent" in entry["message"]
    ]
    assert asked
    assert not [message for message in asked if '"url":"http' in message]


def test_the_policy_stops_whatever_would_call_out(page):
    heard = []

    class Listener(StreamRequestHandler):
        timeout = 1

        def handle(self):
            with contextlib.suppress(TimeoutError):  # Chromium may connect ahead of a frame that is then forbidden
                heard.extend(filter(None, [self.rfile.readline()]))

    with ThreadingTCPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page.execute_async_script(
            """
            const url = arguments[0], done = arguments[1];
            const add = (name, set) => document.body.append(Object.assign(document.createElement(name), set));
            add("img", {src: url + "img"}); add("script", {src: url + "script"}); add("iframe", {src: url + "iframe"});
            add("script", {textContent: "window.ran = 1"}); add("audio", {src: url + "audio", preload: "auto"});
            fetch(url + "fetch").catch(() => {}).finally(() => setTimeout(done, 500));
            """,
            f"http://127.0.0.1:{server.server_address[1]}/",
        )
        server.shutdown()
    assert heard == []
    assert page.execute_script("return window.ran") is None


def test_the_verdicts_come_first_with_sign_and_word(page, results):
    cards = page.find_elements(By.CSS_SELECTOR, "#found .card")
    audited = [result for result in results if result.encoder == "my-model"]
    assert len(cards) == len(audited)
    words = {"holds": "✓ holds", "breaks": "✕ breaks", "open": "? cannot be said"}
    for card, result in zip(cards, audited, strict=True):
        assert result.verdicts[0].title in card.text
        assert words[result.verdicts[0].status] in card.text
        assert " ".join(result.verdicts[0].text.replace("**", "").split()) in " ".join(card.text.split())
    assert cards[0].location["y"] < 400


def test_every_player_has_a_sound(page):
    players = page.find_elements(By.TAG_NAME, "audio")
    assert len(players) >= 8
    script = "return [...document.querySelectorAll('audio')].map((a) => a.error ? -1 : a.duration || 0)"
    WebDriverWait(page, 20).until(lambda b: min(b.execute_script(script)) != 0)
    assert all(1.5 < seconds < 6.5 for seconds in page.execute_script(script))
    assert all(player.get_attribute("controls") and player.get_attribute("aria-label") for player in players)


def test_a_player_plays_and_stops_the_other(page):
    stopped = page.execute_async_script(
        """
        const done = arguments[0], [one, two] = document.querySelectorAll("audio");
        one.muted = two.muted = true;
        one.play().then(() => two.play()).then(() => done(one.paused), (problem) => done(String(problem)));
        """
    )
    assert stopped is True


def test_names_from_files_are_shown_and_do_not_run(page):
    text = page.find_element(By.TAG_NAME, "main").get_attribute("textContent")
    assert "<script>alert(1)</script>" in text
    assert "broken <img src=x onerror=alert(2)>.mp3" in text
    assert "<i>middle</i>" in text
    assert page.find_elements(By.CSS_SELECTOR, "main i, main img") == []
    assert len(page.find_elements(By.CSS_SELECTOR, "script:not([type])")) == 2
    # An alert that had opened would make any further command fail.
    assert page.title == "Can my-model be believed?"


def test_a_phone_needs_no_sideways_scrolling(page):
    emulate(page, 390, "light")
    page.refresh()
    drawn(page)
    widths = page.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert widths == [390, 390]
    clipped = "return [...document.querySelectorAll('.canvas')].filter((c) => c.scrollWidth > c.clientWidth + 1).length"
    assert page.execute_script(clipped) == 0


CONTRAST = """
const channel = (c) => { c /= 255; return c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4; };
const parse = (s) => {
  const m = s.match(/[\\d.]+/g).map(Number);
  return m.length > 3 && m[3] === 0 ? null : m.slice(0, 3);
};
const luminance = (c) => .2126 * channel(c[0]) + .7152 * channel(c[1]) + .0722 * channel(c[2]);
const behind = (e) => {
  for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c) return c; }
  return [255, 255, 255];
};
const under = (e) => {
  const [x, y] = ((r) => [r.x + r.width / 2, r.y + r.height / 2])(e.getBoundingClientRect());
  const covers = (r) => r.left <= x && x <= r.right && r.top <= y && y <= r.bottom;
  const marks = [...e.ownerSVGElement.querySelectorAll(".mark-rect:not(.role-legend-gradient) path")];
  const mark = marks.find((m) => covers(m.getBoundingClientRect()) && !m.getAttribute("opacity")?.startsWith("0."));
  return mark && parse(getComputedStyle(mark).fill);
};
const found = [];
for (const e of document.querySelectorAll("body *")) {
  if (!e.checkVisibility() || e.closest("audio, script, style, .hidden, .skip")) continue;
  const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  if (!own) continue;
  const style = getComputedStyle(e);
  const drawn = e.namespaceURI.endsWith("svg");
  const ink = drawn ? e.getAttribute("fill") && style.fill : style.color;
  const color = ink && parse(ink);
  if (!color) continue;
  const [a, b] = [luminance(color), luminance((drawn && under(e)) || behind(e))].sort((x, y) => y - x);
  found.push([(a + .05) / (b + .05), e.textContent.trim().slice(0, 40), e.tagName]);
}
return found;
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(page, scheme):
    emulate(page, 1200, scheme)
    page.refresh()
    drawn(page)
    background = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 20, 20)"}[scheme]
    contrasts = page.execute_script(CONTRAST)
    assert len(contrasts) > 50
    assert [entry for entry in contrasts if entry[0] < 4.5] == []  # WCAG 2.2, success criterion 1.4.3


def test_the_keyboard_reaches_skip_link_charts_and_players(page):
    reached = []
    for _ in range(60):
        webdriver.ActionChains(page).send_keys(Keys.TAB).perform()
        focused = page.switch_to.active_element
        reached.append((focused.tag_name, focused.get_attribute("class"), focused.get_attribute("data-save")))
        outline = page.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", reached[-1]
        if focused.tag_name == "audio":
            break
    assert reached[0][1] == "skip"
    assert any(save for *_, save in reached)
    assert reached[-1][0] == "audio"


def test_headings_are_in_order_and_the_language_is_said(page):
    levels = page.execute_script(
        "return [...document.querySelectorAll('h1,h2,h3,h4')].map((heading) => Number(heading.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en"


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG"), ("svg", b"<svg")])
def test_a_chart_can_be_saved(page, tmp_path, kind, start):
    page.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    page.find_element(By.CSS_SELECTOR, f"[data-save={kind}]").click()
    limit = time.monotonic() + 20
    while not list(tmp_path.glob(f"*.{kind}")) and time.monotonic() < limit:
        time.sleep(0.1)
    [saved] = tmp_path.glob(f"*.{kind}")
    assert saved.read_bytes().lstrip().startswith(start)


def test_without_scripts_still_pictures_stand_in(browser, written):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get((written / "report.html").as_uri())
        pictures = browser.find_elements(By.CSS_SELECTOR, "noscript img")
        assert len(pictures) >= 3
        assert all(picture.size["width"] > 100 and picture.get_attribute("alt") for picture in pictures)
        assert browser.find_elements(By.TAG_NAME, "audio")
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
