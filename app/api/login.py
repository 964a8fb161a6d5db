"""Routes with which a browser signs in and out: the token for a cookie that no script can read."""

from fastapi import APIRouter, Request, Response

from app.api.attempts import Attempts
from app.api.credentials import COOKIE, LIFETIME, Credentials, Way
from app.api.errors import TokenRefusedError, TooManyAttemptsError
from app.api.schemas import LoginReply, LoginRequest


def login_router(credentials: Credentials, attempts: Attempts) -> APIRouter:
    """Make the routes for one token; `attempts` slows who guesses it."""
    router = APIRouter(prefix="/api", tags=["login"])

    @router.get("/login")
    async def login_state(request: Request) -> LoginReply:
        """Tell whether a token is needed, and whether this request has shown one."""
        way: Way | None = request.state.way
        return LoginReply(required=credentials.required, signed_in=way is not None)

    @router.post("/login", status_code=204)
    async def log_in(request: Request, response: Response, given: LoginRequest) -> None:
        """Take the token for a cookie that is good for a week."""
        if not credentials.required:
            return
        client = request.client.host if request.client else ""
        if attempts.wait(client) > 0:
            raise TooManyAttemptsError(
                "Too many sign-ins were tried from this address.", "Wait a minute, then try again."
            )
        if not credentials.is_token(given.token.get_secret_value()):
            attempts.failed(client)
            raise TokenRefusedError("This is not the token of the service.", "It is what API_TOKEN holds.")
        response.set_cookie(
            COOKIE,
            credentials.session(),
            max_age=int(LIFETIME.total_seconds()),
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )

    @router.post("/logout", status_code=204)
    async def log_out(request: Request, response: Response) -> None:
        """Take the cookie away."""
        response.delete_cookie(COOKIE, secure=request.url.scheme == "https", httponly=True, samesite="strict")

    return router
