# One image for every process; compose.yaml says which command is which.
FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    DJANGO_SETTINGS_MODULE=wildmind.settings.production \
    WILDMIND_DATA_DIR=/srv/data

RUN useradd --system --uid 10001 --home-dir /srv/app --shell /usr/sbin/nologin wildmind
WORKDIR /srv/app

# With SQS as broker: --build-arg REQUIREMENTS="requirements.txt requirements-sqs.txt"
ARG REQUIREMENTS=requirements.txt
COPY requirements.txt requirements-sqs.txt ./
RUN for lock in $REQUIREMENTS; do pip install --require-hashes -r "$lock" || exit 1; done

# By name, so that nothing of a working copy (.venv, .local, .env) gets in.
COPY LICENSE NOTICE manage.py ./
COPY accounts ./accounts
COPY assets ./assets
COPY billing ./billing
COPY core ./core
COPY credits ./credits
COPY generation ./generation
COPY insights ./insights
COPY docs/errors.md ./docs/errors.md
COPY moderation ./moderation
COPY providers ./providers
COPY static ./static
COPY templates ./templates
COPY wildmind ./wildmind

# The settings ask for a secret, hosts and a database; collecting files uses none of them, and the secret is thrown away.
RUN WILDMIND_SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(48))')" \
    WILDMIND_ALLOWED_HOSTS=build.invalid \
    DATABASE_URL=postgresql:///build \
    python manage.py collectstatic --noinput \
    && mkdir -p /srv/data/media \
    && chown wildmind:wildmind /srv/data/media

USER wildmind
# Mount a volume on /srv/data/media, not on /srv/data: the static files beside it belong to the image.
EXPOSE 8000 8001
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "wildmind.wsgi:application"]
