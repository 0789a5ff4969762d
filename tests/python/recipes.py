"""Django REST framework with the two recipes that people copy to make its tokens expire.

    recipes.py renew|replace PORT

Users alice/wonderland and bob/builder, a clock that can be set, users that can be switched off.
"""
import sys
from datetime import timedelta
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "rest_framework",
        "rest_framework.authtoken",
    ],
    # Fast to verify: what is compared is answers, not hashes.
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    REST_FRAMEWORK={"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]},
    ROOT_URLCONF=__name__,
    SECRET_KEY="compared, never deployed",
    USE_TZ=True,
)
django.setup()

from django.contrib.auth.models import User
from django.core.management import call_command
from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from rest_framework.authentication import TokenAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.authtoken.views import ObtainAuthToken
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

HOURS = 24
true_now = timezone.now
shift = timedelta()
timezone.now = lambda: true_now() + shift
recipe, port = sys.argv[1], int(sys.argv[2])


def is_old(token):
    return token.created < timezone.now() - timedelta(hours=HOURS)


class ExpiringTokenAuthentication(TokenAuthentication):
    def authenticate_credentials(self, key):
        token = Token.objects.select_related("user").filter(key=key).first()
        if token is None:
            raise AuthenticationFailed("Invalid token")
        if not token.user.is_active:
            raise AuthenticationFailed("User inactive or deleted")
        if is_old(token):
            raise AuthenticationFailed("Token has expired")
        return token.user, token


class Login(ObtainAuthToken):
    def post(self, request):
        form = self.serializer_class(data=request.data, context={"request": request})
        form.is_valid(raise_exception=True)
        user = form.validated_data["user"]
        token, is_new = Token.objects.get_or_create(user=user)
        if not is_new and recipe == "renew":
            token.created = timezone.now()
            token.save()
        if not is_new and recipe == "replace" and is_old(token):
            token.delete()
            token = Token.objects.create(user=user)
        return Response({"token": token.key})


class Me(APIView):
    authentication_classes = [ExpiringTokenAuthentication]
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response({"user": request.user.username})


@csrf_exempt
def advance(request):
    global shift
    import json

    shift += timedelta(seconds=json.loads(request.body)["seconds"])
    return JsonResponse({"now": timezone.now().isoformat()})


@csrf_exempt
def activity(request, name, action):
    User.objects.filter(username=name).update(is_active=action == "activate")
    return HttpResponse(status=204)


urlpatterns = [
    path("login", Login.as_view()),
    path("me", Me.as_view()),
    path("clock/advance", advance),
    path("admin/users/<name>/<action>", activity),
]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


if __name__ == "__main__":
    from django.core.wsgi import get_wsgi_application

    call_command("migrate", verbosity=0, run_syncdb=True)
    User.objects.create_user("alice", password="wonderland")
    User.objects.create_user("bob", password="builder")
    with make_server("127.0.0.1", port, get_wsgi_application(), handler_class=Quiet) as server:
        print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
