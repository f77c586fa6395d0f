"""Lambda function behind the queue 'comments'."""

import json
import logging
import os
from datetime import datetime

log = logging.getLogger()
log.setLevel(logging.INFO)

INSERT = "INSERT INTO comments (id, author, written_at, text) VALUES (%s, %s, %s, %s)"


def row(comment):
    written = datetime.strptime(comment["written_at"], "%Y-%m-%dT%H:%M:%S%z")
    return comment["id"], comment["author"], written, comment["text"]


def store(connection, comment):
    with connection.cursor() as cursor:
        cursor.execute(INSERT, row(comment))
    connection.commit()


def handler(event, context):
    import psycopg2

    connection = psycopg2.connect(os.environ["DATABASE"])
    for record in event["Records"]:
        comment = json.loads(record["body"])
        log.info("message %s: comment %s", record["messageId"], comment["id"])
        store(connection, comment)
