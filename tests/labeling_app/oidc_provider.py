"""A small OpenID Connect provider on this machine, which knows everyone by the name it is told.

    python oidc_provider.py PORT ACCOUNT_FILE

Who logs in is whoever's claims stand in the file, as JSON; nobody types a password.
"""

import json
import secrets
import sys
import time
from pathlib import Path

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

PORT, ACCOUNT = int(sys.argv[1]), Path(sys.argv[2])
ISSUER = f"http://127.0.0.1:{PORT}"
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
nonces: dict[str, str] = {}


def configuration(_: Request) -> Response:
    return JSONResponse(
        {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
    )


def authorize(request: Request) -> Response:
    asked = request.query_params
    code = secrets.token_hex(8)
    nonces[code] = asked.get("nonce", "")
    return RedirectResponse(f"{asked['redirect_uri']}?code={code}&state={asked['state']}", 302)


async def token(request: Request) -> Response:
    form = await request.form()
    claims = {"iss": ISSUER, "aud": "tastemaker", "iat": int(time.time())}
    claims |= {"exp": int(time.time()) + 600, "nonce": nonces[str(form["code"])]}
    claims |= json.loads(ACCOUNT.read_text())
    signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, KEY)
    return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": signed})


def keys(_: Request) -> Response:
    return JSONResponse({"keys": [KEY.as_dict(private=False)]})


routes = [
    Route("/.well-known/openid-configuration", configuration),
    Route("/authorize", authorize),
    Route("/token", token, methods=["POST"]),
    Route("/keys", keys),
]

if __name__ == "__main__":
    uvicorn.run(Starlette(routes=routes), host="127.0.0.1", port=PORT, log_level="warning")
