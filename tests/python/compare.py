"""The same steps against Django REST framework with a recipe, and against the server in style drf.

    compare.py renew|replace SERVER_URL

Prints each step that is answered differently; exits with 1 if any is.
"""
import http.client
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode, urlsplit

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


PARTS = "multipart/form-data; boundary=end"


class Peer:
    """One of the two. Its tokens are told apart by the order in which they came."""

    def __init__(self, url):
        self.host = urlsplit(url).netloc
        self.tokens = []

    def ask(self, method, path, fields=(), body=None):
        connection = http.client.HTTPConnection(self.host, timeout=20)
        connection.putrequest(method, path, skip_accept_encoding=True)
        body = body if body is None or isinstance(body, bytes) else body.encode()
        for name, value in fields:
            connection.putheader(name, self.filled(value))
        if body is not None or method == "POST":
            connection.putheader("Content-Length", str(len(body or b"")))
        connection.endheaders(body)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        media = (answer.getheader("Content-Type") or "").split(";")[0]
        return {
            "status": answer.status,
            "challenge": answer.headers.get_all("WWW-Authenticate"),
            "media": media,
            "body": self.named(text, media),
        }

    def filled(self, value):
        if isinstance(value, bytes):
            return value
        for index, token in enumerate(self.tokens):
            value = value.replace(f"<token {index}>", token)
        return value

    def named(self, text, media):
        if media != JSON:
            return text.decode("latin-1")
        content = json.loads(text)
        if isinstance(content, dict) and "token" in content:
            if content["token"] not in self.tokens:
                self.tokens.append(content["token"])
            content["token"] = f"<token {self.tokens.index(content['token'])}>"
        if isinstance(content, dict) and "user" in content:
            # The server says more of a caller than Django does.
            content = {"user": content["user"]}
        return content


def login(fields, media=FORM):
    body = urlencode(fields) if media == FORM else json.dumps(fields)
    return ("POST", "/login", [("Content-Type", media)], body)


def parts(fields):
    part = '--end\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    body = "".join(part.format(name, value) for name, value in fields.items()) + "--end--\r\n"
    return ("POST", "/login", [("Content-Type", PARTS)], body)


def broken(body):
    return ("POST", "/login", [("Content-Type", JSON)], body)


def me(credentials=None, method="GET"):
    return (method, "/me", [] if credentials is None else [("Authorization", credentials)])


def advance(seconds):
    return ("POST", "/clock/advance", [("Content-Type", JSON)], json.dumps({"seconds": seconds}))


ALICE = {"username": "alice", "password": "wonderland"}
BOB = {"username": "bob", "password": "builder"}

STEPS = [
    # Logging in.
    login(ALICE),
    login(ALICE, JSON),
    login(BOB),
    login({**ALICE, "username": " alice "}),
    login({**ALICE, "extra": "ignored"}),
    login({**ALICE, "password": "wrong"}),
    login({"username": "nobody", "password": "wonderland"}),
    login({"username": "alice"}),
    login({"password": "wonderland"}),
    login({}),
    login({}, JSON),
    login({"username": "", "password": ""}),
    login({"username": " ", "password": " "}),
    login({"username": None, "password": "x"}, JSON),
    login({"username": None, "password": None}, JSON),
    login({"username": True, "password": []}, JSON),
    login({"username": {}, "password": 1}, JSON),
    login({"username": 7, "password": 8}, JSON),
    login(["alice"], JSON),
    login("alice", JSON),
    login(7, JSON),
    login(True, JSON),
    login({"username": "alice", "password": "a\0b"}, JSON),
    ("POST", "/login", [("Content-Type", FORM)], "username=x&username=alice&password=wonderland"),
    ("POST", "/login", [("Content-Type", "text/plain")], "alice"),
    parts(ALICE),
    parts({**ALICE, "password": "wrong"}),
    parts({"username": "ä", "password": ""}),
    ("POST", "/login", [("Content-Type", "multipart/form-data")], "x"),
    broken("{x"),
    broken('{"username": "alice", "password": }'),
    broken('{"username" "alice"}'),
    broken('{"username": "alice" "password": "x"}'),
    broken('{"username": "alice"'),
    broken('{"username": "ali'),
    broken('{\n  "ü": "a\tb"}'),
    broken('{"username": "\\x"}'),
    broken('{"username": "\\u12"}'),
    broken("{} x"),
    broken("[1, 2"),
    broken("nil"),
    broken(b'{"username": "\xff"}'),
    broken(b'{"username": "\xe2\x98"}'),
    ("POST", "/login", [], ""),
    ("GET", "/login"),
    ("PUT", "/login", [("Content-Type", FORM)], "username=alice"),
    # Calling.
    me(),
    me("Token <token 0>"),
    me("token <token 0>"),
    me("TOKEN   <token 0>"),
    me("Token <token 1>"),
    me(""),
    me("Token"),
    me("Token "),
    me("Token a b"),
    me("Token <token 0> b"),
    me("Token unknown"),
    me("Token <token 0>x"),
    me(b"Token \xff\xfe"),
    me("Bearer <token 0>"),
    me("Basic YWxpY2U6eA=="),
    me("<token 0>"),
    # A user who is switched off, and on again.
    ("POST", "/admin/users/alice/deactivate"),
    me("Token <token 0>"),
    login(ALICE),
    ("POST", "/admin/users/alice/activate"),
    me("Token <token 0>"),
    # A day goes by.
    advance(24 * 3600 - 60),
    me("Token <token 0>"),
    login(BOB),
    advance(61),
    me("Token <token 0>"),
    me("Token <token 1>"),
    login(ALICE),
    login(BOB),
    me("Token <token 0>"),
    me("Token <token 1>"),
    me("Token <token 2>"),
    advance(24 * 3600 + 1),
    me("Token <token 0>"),
    me("Token <token 2>"),
]


def main():
    recipe, url = sys.argv[1:]
    command = [sys.executable, str(Path(__file__).with_name("recipes.py")), recipe, "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as django:
        try:
            theirs = Peer(django.stdout.readline().split()[-1])
            ours = Peer(url)
            failed = 0
            for number, step in enumerate(STEPS):
                expected, found = theirs.ask(*step), ours.ask(*step)
                if step[1].startswith(("/clock", "/admin")):
                    continue
                if expected != found:
                    failed += 1
                    print(f"step {number}: {step}\n  django: {expected}\n  server: {found}")
            print(f"{len(STEPS) - failed} passed, {failed} failed")
            return min(failed, 1)
        finally:
            django.kill()


if __name__ == "__main__":
    sys.exit(main())
