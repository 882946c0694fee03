"""Redis, which wakes the workers of the scaled form: whether it answers."""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from digest.errors import Unreachable

PATIENCE = 2  # seconds


def check_reachable(url: str) -> None:
    """Raises Unreachable when the broker does not answer at once; the message never holds its password."""
    try:
        with redis.Redis.from_url(
            url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=Retry(NoBackoff(), 0)
        ) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:  # a URL that Redis cannot take is a ValueError
        raise Unreachable(f"The broker of DIGEST_BROKER_URL does not answer ({type(error).__name__}).") from error
