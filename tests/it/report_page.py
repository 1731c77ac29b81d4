"""Opens a report page in headless Chromium at three sizes and uses it.

    python3 tests/it/report_page.py PAGE [FOLDER FOR SCREENSHOTS]

Needs `chromium` and `websocket-client` (Debian: chromium, python3-websocket). Exits with 1 and says what was seen where the
page reports an error, asks the network for anything, is wider than the screen, has text that a picture cuts or that covers
other text of its axis, or does not do what a click or key asks for.
"""

import base64
import itertools
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

import websocket

SIZES = {"phone": (390, 844, True), "tablet": (820, 1180, True), "desktop": (1440, 900, False)}

# Each canvas keeps what is written on it: text, left, right, baseline.
KEEP_CANVAS_TEXT = """(() => {
    const fillText = CanvasRenderingContext2D.prototype.fillText;
    CanvasRenderingContext2D.prototype.fillText = function (text, x, y, most = Infinity) {
        const wide = Math.min(this.measureText(text).width, most);
        const left = x - { left: 0, start: 0, center: wide / 2, right: wide, end: wide }[this.textAlign];
        (this.canvas.texts ??= []).push([text, left, left + wide, y]);
        return fillText.apply(this, arguments);
    };
})()"""
CUT_IN_SVG = """[...document.querySelectorAll('svg text')].filter(text => {
    const box = text.getBBox(), whole = text.ownerSVGElement.viewBox.baseVal;
    return box.x < whole.x || box.x + box.width > whole.x + whole.width
        || box.y < whole.y || box.y + box.height > whole.y + whole.height;
}).map(text => text.textContent)"""
RASTER_TEXT = """(() => {
    const raster = document.querySelector('#raster');
    raster.texts = [];
    dispatchEvent(new Event('resize'));
    return [raster.clientWidth, raster.clientHeight, raster.texts];
})()"""


class Browser:
    def __init__(self):
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if not program:
            sys.exit("there is no chromium; install the package `chromium`")
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0",
             "--remote-allow-origins=*", f"--user-data-dir={self.profile.name}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port_file = pathlib.Path(self.profile.name, "DevToolsActivePort")
        for _ in range(600):
            if port_file.exists() and port_file.read_text().count("\n"):
                break
            time.sleep(0.1)
        port = port_file.read_text().split()[0]
        tabs = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json"))
        tab = next(tab for tab in tabs if tab["type"] == "page")
        self.socket = websocket.create_connection(tab["webSocketDebuggerUrl"], timeout=60)
        self.numbers = itertools.count(1)
        self.seen = []
        self.requests = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        self.ask("Page.addScriptToEvaluateOnNewDocument", source=KEEP_CANVAS_TEXT)

    def ask(self, method, **params):
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == number:
                assert "error" not in message, (method, message)
                return message["result"]
            self.note(message)

    def note(self, message):
        method, params = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.seen.append(params["exceptionDetails"].get("exception", {}).get("description", "an exception"))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.seen.append(str(params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.seen.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent" and not params["request"]["url"].startswith("data:"):
            self.requests.append(params["request"]["url"])

    def value(self, expression):
        result = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, (expression, result)
        return result["result"].get("value")

    def press(self, key):
        for kind in ("keyDown", "keyUp"):
            text = {"text": key} if kind == "keyDown" and len(key) == 1 else {}
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, **text)

    def click(self, selector):
        box = f"document.querySelector({json.dumps(selector)})"
        self.value(f"{box}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        self.settle()
        x, y = self.value(f"(() => {{ const r = {box}.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()")
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        self.settle()

    def settle(self):
        self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")

    def screenshot(self, path, whole=True):
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self):
        self.process.terminate()
        self.process.wait()


def check(browser, page, size, dark, shots):
    width, height, is_mobile = SIZES[size]
    browser.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=is_mobile)
    browser.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
    browser.requests.clear()
    browser.ask("Page.navigate", url=page.as_uri())
    for _ in range(600):
        if browser.value("document.readyState") == "complete":
            break
        time.sleep(0.05)
    browser.settle()
    faults = []

    def expect(claim, is_so):
        if not is_so:
            faults.append(claim)

    wide = browser.value("""[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1
        && !e.closest('.wide')).map(e => e.tagName + '.' + e.className + '#' + e.id).slice(0, 5)""")
    wider = browser.value("document.documentElement.scrollWidth > innerWidth")
    expect(f"nothing is wider than the screen, but {wide}", not wider)
    has_viewer = browser.value("document.querySelector('#viewer') !== null")
    expect("sections are shown", browser.value("document.querySelectorAll('section h2').length") >= (6 if has_viewer else 4))
    expect("pictures are drawn", browser.value("[...document.querySelectorAll('svg')].filter(s => s.getBoundingClientRect().height > 20).length") >= 2)
    cut = browser.value(CUT_IN_SVG)
    expect(f"no picture cuts its text, but {cut}", not cut)
    if shots:
        browser.screenshot(shots / f"{size}-{'dark' if dark else 'light'}.png")
    if has_viewer:
        use(browser, expect)

    expect(f"no errors or warnings, but {browser.seen}", not browser.seen)
    elsewhere = [url for url in browser.requests if url != page.as_uri()]
    expect(f"no requests, but {elsewhere}", not elsewhere)
    browser.seen.clear()
    return [f"{size}, {'dark' if dark else 'light'}: expected that {fault}" for fault in faults]


def use(browser, expect):
    """Steps through the stimuli, zooms into their spikes, and opens a cell of the confusion matrix."""
    where = "document.querySelector('#where').textContent"
    first = browser.value(where)
    browser.click("#next")
    expect(f"`Next` steps on from `{first}`", browser.value(where) != first)
    browser.click("#back")
    expect("`Previous` steps back", browser.value(where) == first)
    browser.value("document.querySelector('#next').focus()")
    browser.press("ArrowRight")
    browser.settle()
    expect("the arrow key steps on", browser.value(where) != first)
    browser.click("#back")

    window = "(() => { const c = document.querySelector('#raster'); return Number(c.dataset.to) - Number(c.dataset.from); })()"
    inked = """(() => { const c = document.querySelector('#raster');
        return new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size; })()"""
    expect("the whole raster is shown first", browser.value(window) == 1)
    expect("spikes are drawn", browser.value(inked) > 2)
    width, height, texts = browser.value(RASTER_TEXT)
    cut = [text for text, left, right, y in texts if left < 0 or right > width or y > height]
    expect(f"the raster does not cut its text, but {cut}", not cut)
    expect(f"the raster tells times, but {texts}", sum(text.endswith(" ns") for text, *_ in texts) >= 2)
    pairs = itertools.combinations(sorted(texts, key=lambda text: text[1]), 2)
    covered = [(a[0], b[0]) for a, b in pairs if abs(a[3] - b[3]) < 10 and b[1] < a[2] + 3]
    expect(f"no text of the raster covers other text, but {covered}", not covered)
    browser.click("#in")
    expect("`Zoom in` shows half of it", abs(browser.value(window) - 0.5) < 1e-9)
    browser.value("document.querySelector('#raster').focus()")
    browser.press("+")
    browser.settle()
    expect("the key + shows less", browser.value(window) < 0.5)
    browser.click("#whole")
    expect("`Whole` shows all again", browser.value(window) == 1)

    behind = "[...document.querySelectorAll('.open')].length"
    expect("no stimuli of a cell are open at first", browser.value(behind) == 0)
    browser.click("a[data-cell]")
    expect("a click on a number opens its stimuli", browser.value(behind) == 1)
    expect("they have images", browser.value("document.querySelectorAll('.open .t').length") >= 1)
    browser.click(".open a[data-n]")
    expect("a click on an image shows the stimulus", browser.value("document.querySelector('#filter').value") == "all")


def main():
    page = pathlib.Path(sys.argv[1]).resolve()
    shots = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
    browser = Browser()
    try:
        # The checks see an error where there is one.
        browser.ask("Runtime.evaluate", expression="console.error('planted')")
        browser.value("1")
        assert browser.seen, "a planted error was not seen"
        browser.seen.clear()
        faults = [fault for size in SIZES for dark in (False, True) for fault in check(browser, page, size, dark, shots)]
    finally:
        browser.close()
    print("\n".join(faults) or f"{page.name}: {len(SIZES)} sizes, light and dark: no fault")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
