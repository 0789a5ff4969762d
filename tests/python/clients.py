"""Authlib, a client that knows nothing of this server but RFCs.

    clients.py SERVER_URL
"""
import sys

from authlib.integrations.requests_client import OAuth2Session

url = sys.argv[1]
metadata = OAuth2Session().get(f"{url}/.well-known/oauth-authorization-server", withhold_token=True)
server = metadata.json()
assert server["issuer"] == url, server
refresh_at = server["token_endpoint"]


def session(**more):
    return OAuth2Session("app", "appsecret", token_endpoint=refresh_at, **more)


def status(client, method, path):
    return client.request(method, url + path).status_code


for way in ("client_secret_basic", "client_secret_post"):
    alice = session(scope="read write", token_endpoint_auth_method=way)
    first = alice.fetch_token(refresh_at, grant_type="password", username="alice", password="wonderland")
    assert first["token_type"] == "Bearer" and first["expires_in"] > 0, first
    assert status(alice, "GET", "/me") == 200

    # What is spent is replaced, and opens nothing any more.
    second = alice.refresh_token(refresh_at)
    assert second["refresh_token"] != first["refresh_token"]
    assert status(alice, "POST", "/write") == 200
    old = session(token=first)
    assert status(old, "GET", "/me") == 401

    # A narrower one has its scope and no more.
    narrow = alice.refresh_token(refresh_at, scope="read")
    assert narrow["scope"] == "read", narrow
    assert status(alice, "GET", "/read") == 200
    assert status(alice, "POST", "/write") == 403

    known = alice.introspect_token(server["introspection_endpoint"], token=narrow["access_token"])
    assert known.json()["active"] is True and known.json()["sub"] == "alice", known.text

    gone = alice.revoke_token(server["revocation_endpoint"], token=narrow["refresh_token"])
    assert gone.status_code == 200, gone.text
    assert status(alice, "GET", "/me") == 401
    known = alice.introspect_token(server["introspection_endpoint"], token=narrow["access_token"])
    assert known.json() == {"active": False}, known.text

    # A spent refresh token is a theft: its session ends.
    bob = session(scope="read", token_endpoint_auth_method=way)
    stolen = bob.fetch_token(refresh_at, grant_type="password", username="bob", password="builder")
    bob.refresh_token(refresh_at)
    thief = session(token_endpoint_auth_method=way)
    try:
        thief.refresh_token(refresh_at, refresh_token=stolen["refresh_token"])
        raise AssertionError("a spent refresh token was taken")
    except Exception as error:
        assert "invalid_grant" in str(error), error
    assert status(bob, "GET", "/me") == 401

    app = session(token_endpoint_auth_method=way)
    own = app.fetch_token(refresh_at, grant_type="client_credentials", scope="read")
    assert "refresh_token" not in own, own
    assert app.get(url + "/me").json()["user"] == "app"

print("1 passed, 0 failed")
