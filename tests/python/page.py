"""The page of the reference server in headless Chromium, by a hand that clicks.

    page.py SERVER_URL [FOLDER_FOR_SCREENSHOTS]
"""
import shutil
import sys
import tempfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

url = sys.argv[1]
screenshots = Path(sys.argv[2]) if len(sys.argv) > 2 else None
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]


def browser(*more):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in [*FLAGS, *more, f"--user-data-dir={tempfile.mkdtemp()}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options, Service(shutil.which("chromedriver")))


class Page:
    def __init__(self, browser):
        self.browser = browser
        browser.get(url)

    def one(self, id):
        return self.browser.find_element(By.ID, id)

    def click(self, text):
        self.browser.find_element(By.XPATH, f"//button[normalize-space()='{text}']").click()

    def sees(self, id, text):
        wait = WebDriverWait(self.browser, 20)
        wait.until(lambda _: text in self.one(id).text, f"{id}: {text}: {self.one(id).text}")

    def picture(self, name, width, height):
        if screenshots:
            self.browser.set_window_size(width, height)
            self.browser.save_screenshot(str(screenshots / f"{name}.png"))

    def fits(self, width):
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True},
        )
        needed = self.browser.execute_script("return document.documentElement.scrollWidth")
        assert needed <= width, f"{needed} wide on a screen of {width}"


def lives_and_dies(page):
    page.sees("state", "none yet")
    page.click("Log in")
    page.sees("state", "alice's, live")
    page.sees("heard", "200")
    for route in ["GET /me", "GET /optional", "GET /read", "POST /write", "POST /danger"]:
        page.click(route)
        page.sees("heard", f"{route}\n\n200")
    page.click("GET /me without a token")
    page.sees("heard", 'www-authenticate: Bearer realm="api"')
    page.picture("live", 1100, 1000)

    page.click("Log in elsewhere too")
    page.sees("sessions", "elsewhere")
    page.click("End all but this one")
    page.sees("heard", "204")
    WebDriverWait(page.browser, 20).until(lambda _: "elsewhere" not in page.one("sessions").text)

    page.click("End all")
    page.sees("state", "alice's, dead")
    page.click("GET /me")
    page.sees("heard", 'error="invalid_token"')
    page.picture("dead", 1100, 1000)


def refuses_a_wrong_password(page):
    field = page.browser.find_element(By.NAME, "password")
    field.clear()
    field.send_keys("wrong")
    page.click("Log in")
    page.sees("problem", "password")
    page.sees("state", "none yet")


def fits_a_phone(page):
    page.fits(360)
    page.click("Log in")
    page.sees("state", "live")
    page.fits(360)
    if screenshots:
        page.browser.save_screenshot(str(screenshots / "phone.png"))


class Elsewhere(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<p>elsewhere</p>")

    def log_message(self, *_):
        pass


def is_called_from_another_origin(browser):
    """A script of a page elsewhere calls, is refused, and reads the challenge."""
    elsewhere = HTTPServer(("127.0.0.1", 0), Elsewhere)
    Thread(target=elsewhere.serve_forever, daemon=True).start()
    browser.get(f"http://127.0.0.1:{elsewhere.server_port}/")
    told = browser.execute_async_script(
        """
        const [url, done] = arguments;
        (async () => {
          const login = await fetch(url + "/login", {
            method: "POST", headers: {"Content-Type": "application/json"},
            body: JSON.stringify({username: "alice", password: "wonderland"}),
          });
          const { token } = await login.json();
          const me = shown => fetch(url + "/me", { headers: { Authorization: "Bearer " + shown } });
          const [good, bad] = [await me(token), await me(token + "x")];
          return [good.status, bad.status, bad.headers.get("www-authenticate")];
        })().then(done, error => done(["failed", String(error)]));
        """,
        url,
    )
    assert told[:2] == [200, 401] and 'error="invalid_token"' in told[2], told


def main():
    passed = 0
    for scheme in ["light", "dark"]:
        chromium = browser("--force-dark-mode") if scheme == "dark" else browser()
        try:
            chromium.execute_cdp_cmd(
                "Emulation.setEmulatedMedia",
                {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
            )
            for test in [lives_and_dies, refuses_a_wrong_password, fits_a_phone]:
                test(Page(chromium))
                passed += 1
            if screenshots:
                for name in ["live", "dead", "phone"]:
                    (screenshots / f"{name}.png").rename(screenshots / f"{scheme}-{name}.png")
            complaints = [
                line for line in chromium.get_log("browser")
                if "favicon" not in line["message"] and " 40" not in line["message"]
            ]
            assert not complaints, complaints
            is_called_from_another_origin(chromium)
            passed += 1
        finally:
            chromium.quit()
    print(f"{passed} passed, 0 failed")


if __name__ == "__main__":
    main()
